/** @file The page's files, built into dist/review and held in memory; no other file is served by its path. */
import { readdir, readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { UserError } from '../host/errors'
import { HttpError } from '../host/http-error'
import { headers } from '../host/local-http'
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

/** A built page's folder. @throws UserError if the page is not built */
export function pageFolder(page: 'review' | 'start' = 'review'): string {
  const folder = builtFolder(join(page, 'index.html'), join(page, 'main.js'))
  if (!folder) throw new UserError(`the page of wgsam ${page} is not built: run \`npm run build\``)
  return join(folder, page)
}

/** Sends a file of a page; '' is sent to its folder's address, because relative addresses in the page need the slash. */
export function sendAsset(assets: ReadonlyMap<string, Asset>, path: string, response: ServerResponse): void {
  if (path === '') {
    response.writeHead(308, { ...headers, Location: `${response.req.url!.split('?')[0]}/` }).end()
    return
  }
  const asset = assets.get(path === '/' ? 'index.html' : path.slice(1))
  if (!asset) throw new HttpError(404, `there is no ${path}`)
  response.writeHead(200, { ...headers, 'Content-Type': asset.type, 'Cache-Control': 'no-cache' }).end(asset.data)
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
