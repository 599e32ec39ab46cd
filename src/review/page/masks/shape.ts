/** @file What edits do to masks: joined, cut, filled, drawn. Masks are crops of their image (engine/masks/mask.ts). */
import { components } from '../../../../engine/masks/components'
import { emptyMask, type Mask } from '../../../../engine/masks/mask'
import type { Size } from '../../../../engine/image/transforms'

export type Point = [x: number, y: number]

export function areaOf({ data }: Mask): number {
  let area = 0
  for (let i = 0; i < data.length; i++) area += data[i]
  return area
}

/** Whether the pixel (x, y) of the image is in the mask. */
export function contains({ x0, y0, width, height, data }: Mask, x: number, y: number): boolean {
  const [u, v] = [x - x0, y - y0]
  return u >= 0 && v >= 0 && u < width && v < height && data[v * width + u] === 1
}

/** A mask of 0 around the box of `masks`, `margin` pixels wider on each side. */
function blank(masks: readonly Mask[], margin = 0): Mask {
  const filled = masks.filter((mask) => mask.width > 0)
  if (!filled.length) return emptyMask
  const x0 = Math.min(...filled.map((m) => m.x0)) - margin
  const y0 = Math.min(...filled.map((m) => m.y0)) - margin
  const width = Math.max(...filled.map((m) => m.x0 + m.width)) + margin - x0
  const height = Math.max(...filled.map((m) => m.y0 + m.height)) + margin - y0
  return { x0, y0, width, height, data: new Uint8Array(width * height) }
}

/** Writes `value` into `target` wherever `source` is 1 and both have the pixel. */
export function stamp(target: Mask, source: Mask, value: 0 | 1): void {
  const left = Math.max(target.x0, source.x0)
  const right = Math.min(target.x0 + target.width, source.x0 + source.width)
  const top = Math.max(target.y0, source.y0)
  const bottom = Math.min(target.y0 + target.height, source.y0 + source.height)
  for (let y = top; y < bottom; y++) {
    const from = (y - source.y0) * source.width - source.x0
    const to = (y - target.y0) * target.width - target.x0
    for (let x = left; x < right; x++) if (source.data[from + x]) target.data[to + x] = value
  }
}

/** The mask without its empty edges. */
export function trimmed(mask: Mask): Mask {
  const { x0, y0, width, height, data } = mask
  let [left, right, top, bottom] = [width, -1, height, -1]
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      if (!data[at]) continue
      if (x < left) left = x
      if (x > right) right = x
      if (top === height) top = y
      bottom = y
    }
  if (right < 0) return emptyMask
  if (left === 0 && top === 0 && right === width - 1 && bottom === height - 1) return mask
  const result = { x0: x0 + left, y0: y0 + top, width: right - left + 1, height: bottom - top + 1 }
  const cut = new Uint8Array(result.width * result.height)
  for (let y = 0; y < result.height; y++) {
    const from = (top + y) * width + left
    cut.set(data.subarray(from, from + result.width), y * result.width)
  }
  return { ...result, data: cut }
}

/** The pixels of any of them. */
export function union(masks: readonly Mask[]): Mask {
  const result = blank(masks)
  for (const mask of masks) stamp(result, mask, 1)
  return result
}

/** The pixels of `mask` that none of `others` has. */
export function without(mask: Mask, others: readonly Mask[]): Mask {
  const result = { ...mask, data: mask.data.slice() }
  for (const other of others) stamp(result, other, 0)
  return trimmed(result)
}

/** The part of the mask within the image. */
export function within(mask: Mask, { width, height }: Size): Mask {
  const { x0, y0 } = mask
  if (x0 >= 0 && y0 >= 0 && x0 + mask.width <= width && y0 + mask.height <= height) return trimmed(mask)
  const image = { x0: Math.max(0, x0), y0: Math.max(0, y0) }
  const right = Math.min(width, x0 + mask.width)
  const bottom = Math.min(height, y0 + mask.height)
  if (right <= image.x0 || bottom <= image.y0) return emptyMask
  const size = { width: right - image.x0, height: bottom - image.y0 }
  const result = { ...image, ...size, data: new Uint8Array(size.width * size.height) }
  stamp(result, mask, 1)
  return trimmed(result)
}

/** The 8-connected parts, the largest first. */
export function parts(mask: Mask): Mask[] {
  const { labels, areas } = components(mask.data, mask.width, mask.height)
  const order = areas.map((_, i) => i).sort((a, b) => areas[b] - areas[a] || a - b)
  return order.map((i) => trimmed({ ...mask, data: Uint8Array.from(labels, (label) => (label === i + 1 ? 1 : 0)) }))
}

/** The mask and what it encloses: background that no 4-connected way leads out of. */
export function filled(mask: Mask): Mask {
  if (!mask.width) return mask
  const result = blank([mask], 1)
  stamp(result, mask, 1)
  const { width, height, data } = result
  // 2 marks what can be reached from outside
  const stack = [0]
  data[0] = 2
  const visit = (at: number) => {
    if (data[at] !== 0) return
    data[at] = 2
    stack.push(at)
  }
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const x = at % width
    if (x > 0) visit(at - 1)
    if (x < width - 1) visit(at + 1)
    if (at >= width) visit(at - width)
    if (at < width * (height - 1)) visit(at + width)
  }
  for (let i = 0; i < data.length; i++) data[i] = data[i] === 2 ? 0 : 1
  return trimmed(result)
}

/** Without the crumbs around it and the holes in it: parts of less than a quarter of the largest go. */
export function tidied(mask: Mask): Mask {
  const all = parts(mask)
  return all.length ? filled(union(all.filter((part) => 4 * areaOf(part) >= areaOf(all[0])))) : mask
}

/** Where numbers and centring go: the pixel deepest inside. @param depth squared distances to the outside */
export function deepest({ x0, y0, width }: Mask, depth: ArrayLike<number>): Point {
  let best = 0
  for (let i = 1; i < depth.length; i++) if (depth[i] > depth[best]) best = i
  return [x0 + (best % width) + 0.5, y0 + Math.floor(best / width) + 0.5]
}
