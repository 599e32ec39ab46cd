/** @file Projects for the review's tests: synthetic images whose masks are squares, and requests to a server. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { dirname } from 'node:path'
import { type CompressedRle, encodeMask } from '../../engine/masks/rle'
import type { Size } from '../../engine/image/size'
import { writePng } from '../../src/images/png-writer'
import { projectFile } from '../../src/project/project'
import type { EditKind, ReviewMask } from '../../src/project/review/review-records'

export const SIZE = { width: 64, height: 48 }

/** A mask of a rectangle. */
export function square(x0: number, y0: number, side: number, size: Size = SIZE): CompressedRle {
  return encodeMask({ x0, y0, width: side, height: side, data: new Uint8Array(side * side).fill(1) }, size)
}

/** A mask for an edit. */
export const made = (id: number, origin: EditKind | 'proposal', segmentation: CompressedRle): ReviewMask => ({
  id,
  segmentation,
  origin,
  predictedIou: null,
  stability: null,
})

/** Writes an image and its proposals, as `wgsam generate` does. */
export async function writeImage(dir: string, name: string, masks: CompressedRle[], size: Size = SIZE): Promise<void> {
  const { width, height } = size
  const data = Uint8Array.from({ length: width * height }, (_, i) => (i * 7) % 251)
  await writePng(projectFile.image(dir, name), { width, height, channels: 1, data })
  const records = masks.map((segmentation, i) => ({
    segmentation,
    area: 1,
    bbox: [0, 0, 1, 1],
    predicted_iou: 0.9 - i / 1e4,
    stability_score: 0.95,
    point_coords: [[0, 0]],
    crop_box: [0, 0, width, height],
  }))
  const image = { name, width, height, source: `${name}.tif`, page: 0, croppedBottom: 0, pixelSize: null }
  const path = projectFile.proposals(dir, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, JSON.stringify({ version: 1, image, generator: {}, removed: {}, records }))
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
  json: any
}

/** A request with exactly these headers: fetch() would add and forbid some. */
export function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: unknown; raw?: string | Buffer } = {},
): Promise<Answer> {
  const { raw, body } = options
  const data = raw ?? (body === undefined ? undefined : JSON.stringify(body))
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        hostname,
        port,
        // unmodified: URL would resolve `../`
        path: url.slice(url.indexOf('/', 'http://'.length)),
        method: options.method ?? (data === undefined ? 'GET' : 'POST'),
        headers: { ...(data !== undefined && { 'Content-Type': 'application/json' }), ...options.headers },
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const all = Buffer.concat(chunks)
          const isJson = /json/.test(response.headers['content-type'] ?? '')
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            body: all,
            json: isJson && all.length ? JSON.parse(all.toString()) : undefined,
          })
        })
      },
    )
    request.on('error', reject)
    request.end(data)
  })
}
