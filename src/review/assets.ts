/** @file The page's files, built into dist/review and held in memory: nothing else is ever served from the disk by path. */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from '../errors'

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

/** The built page's folder, found upwards from this module. @throws UserError where it is not built */
export function pageFolder(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    for (const folder of [join(at, 'review'), join(at, 'dist', 'review')])
      if (existsSync(join(folder, 'index.html')) && existsSync(join(folder, 'main.js'))) return folder
    if (at === dirname(at)) throw new UserError('the review page is not built: run `npm run build`')
  }
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
