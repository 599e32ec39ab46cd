/** @file Set operations on masks: trimmed, united, subtracted, pasted into their image. No argument but the target of pasteMask is changed. */
import type { Size } from '../image/size'
import { emptyMask, type Mask } from './mask'

/** A mask of 0 that covers the parts of all `masks` and `margin` more pixels on each side. */
export function blankAround(masks: readonly Mask[], margin = 0): Mask {
  const filled = masks.filter((mask) => mask.width > 0)
  if (!filled.length) return emptyMask
  const x0 = Math.min(...filled.map((m) => m.x0)) - margin
  const y0 = Math.min(...filled.map((m) => m.y0)) - margin
  const width = Math.max(...filled.map((m) => m.x0 + m.width)) + margin - x0
  const height = Math.max(...filled.map((m) => m.y0 + m.height)) + margin - y0
  return { x0, y0, width, height, data: new Uint8Array(width * height) }
}

/** Writes `value` into `target` at every pixel of `source` that `target` has room for. */
export function pasteMask(target: Mask, source: Mask, value: number): void {
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

/** The plane (height, width) of an image with `value` at the pixels of any of `masks` and 0 elsewhere. */
export function paintMasks(masks: readonly Mask[], { width, height }: Size, value = 1): Uint8Array {
  const image = { x0: 0, y0: 0, width, height, data: new Uint8Array(width * height) }
  for (const mask of masks) pasteMask(image, mask, value)
  return image.data
}

/** The same mask, stored for the smallest part of the image that holds it; the same object if it is that already. */
export function trimMask(mask: Mask): Mask {
  const { width, height, data } = mask
  let [left, right, top, bottom] = [width, -1, height, -1]
  for (let y = 0; y < height; y++) {
    const row = y * width
    let first = 0
    while (first < width && !data[row + first]) first++
    if (first === width) continue
    let last = width - 1
    while (!data[row + last]) last--
    if (first < left) left = first
    if (last > right) right = last
    if (top === height) top = y
    bottom = y
  }
  if (right < 0) return emptyMask
  if (!left && !top && right === width - 1 && bottom === height - 1) return mask
  const part = { x0: mask.x0 + left, y0: mask.y0 + top, width: right - left + 1, height: bottom - top + 1 }
  const inner = new Uint8Array(part.width * part.height)
  for (let y = 0; y < part.height; y++) {
    const from = (y + top) * width + left
    inner.set(data.subarray(from, from + part.width), y * part.width)
  }
  return { ...part, data: inner }
}

/** The pixels of any of the masks. */
export function uniteMasks(masks: readonly Mask[]): Mask {
  const union = blankAround(masks)
  for (const mask of masks) pasteMask(union, mask, 1)
  return union
}

/** The number of pixels that two masks share. */
export function maskOverlap(a: Mask, b: Mask): number {
  const left = Math.max(a.x0, b.x0)
  const right = Math.min(a.x0 + a.width, b.x0 + b.width)
  const bottom = Math.min(a.y0 + a.height, b.y0 + b.height)
  let shared = 0
  for (let y = Math.max(a.y0, b.y0); y < bottom; y++) {
    const inA = (y - a.y0) * a.width - a.x0
    const inB = (y - b.y0) * b.width - b.x0
    for (let x = left; x < right; x++) shared += a.data[inA + x] & b.data[inB + x]
  }
  return shared
}

/** The pixels of `mask` that are in none of `others`. */
export function subtractMasks(mask: Mask, others: readonly Mask[]): Mask {
  const rest = { ...mask, data: mask.data.slice() }
  for (const other of others) pasteMask(rest, other, 0)
  return trimMask(rest)
}
