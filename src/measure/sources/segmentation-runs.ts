/** @file The pixels of an annotated instance: the union of its polygons, or its run-length mask. */
import type { Size } from '../../../engine/image/size'
import { decodeMask, type Rle } from '../../../engine/masks/rle'
import { fillPolygon } from '../../dataset/fill-polygon'
import { type PixelRuns, runsOfMask } from '../shape/pixel-runs'

/** The union of polygons, or a run-length mask. @throws Error if the mask has another size, or a polygon is damaged */
export function runsOfSegmentation(segmentation: number[][] | Rle, { width, height }: Size): PixelRuns {
  if (!Array.isArray(segmentation)) {
    const [rows, columns] = segmentation.size
    if (rows !== height || columns !== width)
      throw new Error(`its mask is ${columns}x${rows}, the image ${width}x${height} (size is [height, width])`)
    return runsOfMask(decodeMask(segmentation))
  }
  const spans: [number, number, number][] = []
  for (const polygon of segmentation)
    fillPolygon(polygon, width, height, (y, x, length) => spans.push([y, x, x + length]))
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const runs: number[] = []
  for (const [y, from, to] of spans) {
    const last = runs.length - 3
    if (runs[last] === y && from <= runs[last + 2]) runs[last + 2] = Math.max(runs[last + 2], to)
    else runs.push(y, from, to)
  }
  return Int32Array.from(runs)
}
