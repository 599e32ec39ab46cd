/** @file Cuts a mask in two or more parts along a line drawn across it. */
import { components } from '../../../../engine/masks/components'
import { type Mask, maskArea } from '../../../../engine/masks/mask'
import { parts } from './shape'
import type { Point } from '../../../../engine/image/box'
import { trimMask, uniteMasks } from '../../../../engine/masks/mask-algebra'

/** Pieces of fewer pixels are artefacts at the edge of the line: they are added to the piece that they touch. */
const minPiecePixels = 6

/**
 * The pieces, the largest first: together they have exactly the mask's pixels. Parts of the mask that the line does not
 * cross are added to the largest piece. Returns null if the line does not separate anything.
 */
export function cutMask(mask: Mask, line: readonly Point[]): Mask[] | null {
  const whole: Mask[] = []
  const pieces: Mask[] = []
  for (const part of parts(mask)) {
    const cut = cutPart(part, line)
    if (cut) pieces.push(...cut)
    else whole.push(part)
  }
  if (!pieces.length) return null
  pieces.sort((a, b) => maskArea(b) - maskArea(a))
  if (whole.length) pieces[0] = uniteMasks([pieces[0], ...whole])
  return pieces
}

/** The pieces of one connected part; null if it stays connected. */
function cutPart(part: Mask, line: readonly Point[]): Mask[] | null {
  const { width, height } = part
  const open = part.data.slice()
  for (const [x, y] of pixelsOf(line)) {
    const [u, v] = [x - part.x0, y - part.y0]
    if (u >= 0 && v >= 0 && u < width && v < height) open[v * width + u] = 0
  }
  const { labels, areas } = components(open, width, height)
  const kept = areas.filter((area) => area >= minPiecePixels).length
  if (kept < 2) return null
  for (let i = 0; i < labels.length; i++) if (labels[i] && areas[labels[i] - 1] < minPiecePixels) labels[i] = 0
  spread(labels, part)
  return areas
    .map((area, i) => ({ area, label: i + 1 }))
    .filter(({ area }) => area >= minPiecePixels)
    .map(({ label }) => trimMask({ ...part, data: Uint8Array.from(labels, (l) => (l === label ? 1 : 0)) }))
}

/** Labels the mask's remaining pixels with the nearest piece, by growing all pieces one pixel at a time. */
function spread(labels: Int32Array, { width, height, data }: Mask): void {
  let front: number[] = []
  for (let i = 0; i < labels.length; i++) if (labels[i]) front.push(i)
  while (front.length) {
    const next: number[] = []
    for (const at of front) {
      const x = at % width
      const y = (at - x) / width
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const to = v * width + u
          if (labels[to] || !data[to]) continue
          labels[to] = labels[at]
          next.push(to)
        }
    }
    front = next
  }
}

/** The pixels that a line passes, 4-connected, so that an 8-connected mask cannot leak through at a corner. */
function* pixelsOf(line: readonly Point[]): Generator<Point> {
  let last: Point | null = null
  for (let i = 0; i < line.length; i++) {
    const [ax, ay] = line[Math.max(0, i - 1)]
    const [bx, by] = line[i]
    const steps = Math.max(1, Math.ceil(4 * Math.max(Math.abs(bx - ax), Math.abs(by - ay))))
    for (let s = 0; s <= steps; s++) {
      const x = Math.floor(ax + ((bx - ax) * s) / steps)
      const y = Math.floor(ay + ((by - ay) * s) / steps)
      if (last && last[0] === x && last[1] === y) continue
      if (last && last[0] !== x && last[1] !== y) yield [x, last[1]]
      last = [x, y]
      yield last
    }
  }
}
