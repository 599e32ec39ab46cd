/** @file The page's files, built into dist/review and held in memory; no other file is served by its path. */
import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { UserError } from '../host/errors'
import { builtFolder } from '../host/dist-folder'

export interface Asset {
  type: string
  data: Buffer
}

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
}

/** The built page's folder. @throws UserError if the page is not built */
export function pageFolder(): string {
  const folder = builtFolder(join('review', 'index.html'), join('review', 'main.js'))
  if (!folder) throw new UserError('the review page is not built: run `npm run build`')
  return join(folder, 'review')
}

/** The files of the page by name. */
export async function readAssets(folder: string): Promise<Map<string, Asset>> {
  const assets = new Map<string, Asset>()
  for (const name of await readdir(folder)) {
    const type = types[extname(name)]
    if (type) assets.set(name, { type, data: await readFile(join(folder, name)) })
  }
  return assets
}
