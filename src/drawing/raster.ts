/** @file Maps of the instance at each pixel of a reduced image, and drawings of outlines, errors and changes from them. */
import { deflateSync, inflateSync } from 'node:zlib'
import { MAX_LABEL } from '../../engine/image/label-map'
import type { Size } from '../../engine/image/size'
import type { Mask } from '../../engine/masks/mask'

/** The instance at each pixel (height, width) of an image as it is shown, from 1; 0 for none. */
export interface Raster extends Size {
  data: Uint16Array
}

/** The size at which an image is shown: its longer side at most `longest`. */
export function shownSize({ width, height }: Size, longest: number): Size {
  const scale = Math.min(1, longest / Math.max(width, height))
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

/** Masks at the shown size; mask i has the value `values[i]`, by default i + 1. Of overlapping masks the smaller is on top. */
export function rasterOfMasks(
  masks: readonly Mask[],
  original: Size,
  shown: Size,
  values: readonly number[] = masks.map((_, i) => i + 1),
): Raster {
  const data = new Uint16Array(shown.width * shown.height)
  const [sx, sy] = [original.width / shown.width, original.height / shown.height]
  const order = masks.map((mask, i) => ({ mask, i, area: mask.width * mask.height })).sort((a, b) => b.area - a.area)
  for (const { mask, i } of order) {
    const [top, bottom] = [Math.floor(mask.y0 / sy), Math.min(shown.height, Math.ceil((mask.y0 + mask.height) / sy))]
    const [left, right] = [Math.floor(mask.x0 / sx), Math.min(shown.width, Math.ceil((mask.x0 + mask.width) / sx))]
    for (let y = top; y < bottom; y++) {
      const from = Math.floor((y + 0.5) * sy) - mask.y0
      if (from < 0 || from >= mask.height) continue
      for (let x = left; x < right; x++) {
        const at = Math.floor((x + 0.5) * sx) - mask.x0
        if (at >= 0 && at < mask.width && mask.data[from * mask.width + at]) data[y * shown.width + x] = values[i]
      }
    }
  }
  return { ...shown, data }
}

/** A label map at the shown size. The value of a label is its position in `ids`, from 1, or UNKNOWN if it is not listed. */
export function rasterOfLabels(labels: Uint16Array, original: Size, ids: readonly number[], shown: Size): Raster {
  const value = new Uint16Array(MAX_LABEL + 1).fill(UNKNOWN)
  value[0] = 0
  ids.forEach((id, i) => (value[id] = i + 1))
  const data = new Uint16Array(shown.width * shown.height)
  for (let y = 0, to = 0; y < shown.height; y++) {
    const row = Math.floor(((y + 0.5) * original.height) / shown.height) * original.width
    for (let x = 0; x < shown.width; x++, to++)
      data[to] = value[labels[row + Math.floor(((x + 0.5) * original.width) / shown.width)]]
  }
  return { ...shown, data }
}

/** The value of instances that were not evaluated. */
export const UNKNOWN = 65535

/** Compresses a raster; `unpack` restores it, given its size. */
export const pack = ({ data }: Raster): Uint8Array => deflateSync(new Uint8Array(data.buffer), { level: 1 })
export const unpack = (packed: Uint8Array, shown: Size): Raster => ({
  ...shown,
  data: new Uint16Array(Uint8Array.from(inflateSync(packed)).buffer),
})

type Colour = readonly [number, number, number]

/** Colours of the drawings and of the legend in reports. */
export const colours = {
  truth: [46, 229, 157],
  predicted: [255, 214, 10],
  missed: [58, 134, 255],
  beyond: [240, 80, 40],
  mistaken: [214, 64, 214],
  mended: [40, 200, 110],
  broken: [230, 50, 60],
} as const satisfies Record<string, Colour>

/** Draws the outlines of a raster's instances into an RGB image of the same size. */
export function drawOutlines(rgb: Uint8Array, { width, height, data }: Raster, colour: Colour): void {
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      if (!data[at]) continue
      const edge =
        (x > 0 && data[at - 1] !== data[at]) ||
        (y > 0 && data[at - width] !== data[at]) ||
        (x < width - 1 && !data[at + 1]) ||
        (y < height - 1 && !data[at + width])
      if (edge) rgb.set(colour, 3 * at)
    }
}

/** Tints the errors of a prediction: particle missed, background taken for a particle, one particle taken for another. */
export function drawErrors(rgb: Uint8Array, predicted: Raster, truth: Raster): void {
  for (let i = 0; i < truth.data.length; i++) {
    const [was, is] = [predicted.data[i], truth.data[i]]
    if (was === is || is === UNKNOWN) continue
    const colour = !was ? colours.missed : !is ? colours.beyond : colours.mistaken
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = 0.5 * rgb[3 * i + c] + 0.5 * colour[c]
  }
}

/** Tints pixels at which exactly one of two predictions is right. */
export function drawChanges(rgb: Uint8Array, before: Raster, after: Raster, truth: Raster): void {
  for (let i = 0; i < truth.data.length; i++) {
    const is = truth.data[i]
    const [was, now] = [before.data[i] === is, after.data[i] === is]
    if (was === now || is === UNKNOWN) continue
    const colour = now ? colours.mended : colours.broken
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = 0.5 * rgb[3 * i + c] + 0.5 * colour[c]
  }
}
