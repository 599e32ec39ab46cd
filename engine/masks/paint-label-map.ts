/** @file Paints masks, which may overlap, into a label map, where each pixel has one label. */
import { type Mask, maskArea } from './mask'
import { type LabelMap, MAX_LABEL } from '../image/label-map'
import type { Size } from '../image/size'

/**
 * The label map of masks: label i + 1 is masks[i]. A pixel in several masks gets the label of the smallest one: a particle on
 * top of another one or in a cluster stays whole, and no mask disappears below a larger one. Of equal areas, the earlier wins.
 * @throws Error if there are more masks than labels, or if one leaves the image
 * @example
 * const { data } = labelMap(masks, { width, height }) // 0, and 1 for the first mask, 2 for the second, …
 */
export function labelMap(masks: readonly Mask[], size: Size): LabelMap {
  const { width, height } = size
  if (masks.length > MAX_LABEL)
    throw new Error(`a 16-bit label map holds ${MAX_LABEL} masks at most, not ${masks.length}`)
  const data = new Uint16Array(width * height)
  const areas = masks.map((mask, i) => {
    if (mask.x0 < 0 || mask.y0 < 0 || mask.x0 + mask.width > width || mask.y0 + mask.height > height)
      throw new Error(`mask ${i + 1} leaves the image of ${width}x${height}`)
    return maskArea(mask)
  })
  // the largest first: smaller ones overwrite it
  const order = areas.map((_, i) => i).sort((a, b) => areas[b] - areas[a] || b - a)
  for (const i of order) {
    const { x0, y0, width: w, height: h, data: inside } = masks[i]
    for (let y = 0; y < h; y++) {
      const row = (y0 + y) * width + x0
      for (let x = 0; x < w; x++) if (inside[y * w + x]) data[row + x] = i + 1
    }
  }
  return { width, height, data }
}
