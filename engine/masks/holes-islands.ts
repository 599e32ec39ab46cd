/** @file Fills small holes and drops small islands as the reference implementation does: 8-connected components, by area. */
import { components } from './components'
import type { Mask } from './mask'
import { paintMasks, trimMask } from './mask-algebra'
import type { Size } from '../image/size'

/**
 * Fills components of the background of fewer than `area` pixels. The image's border has no special role: a small corner
 * that the mask cuts off is filled too. Returns the same object if nothing changes.
 * @example
 * const filled = fillHoles(mask, { width, height }, 20)
 */
export function fillHoles(mask: Mask, size: Size, area: number): Mask {
  if (!(area > 0) || !mask.data.length) return mask
  // padded by one pixel where the image has one, so that background around the mask is connected as in the image
  const left = Math.min(1, mask.x0)
  const top = Math.min(1, mask.y0)
  const width = left + mask.width + Math.min(1, size.width - mask.x0 - mask.width)
  const height = top + mask.height + Math.min(1, size.height - mask.y0 - mask.height)
  const outside = new Uint8Array(width * height).fill(1)
  for (let y = 0; y < mask.height; y++)
    for (let x = 0; x < mask.width; x++) if (mask.data[y * mask.width + x]) outside[(y + top) * width + x + left] = 0
  const { labels, areas } = components(outside, width, height)
  // background that touches the padding continues beyond it
  const beyond = beyondAreas(labels, areas.length, mask, size, { left, top, width, height })
  const small = areas.map((pixels, i) => pixels + beyond[i + 1] < area)
  if (!small.includes(true)) return mask
  // a small component that continues beyond the padding has to be filled there too: start again with the whole image
  if (small.some((is, i) => is && beyond[i + 1] > 0))
    return fillHoles({ x0: 0, y0: 0, ...size, data: paintMasks([mask], size) }, size, area)
  const data = outside.map((out, i) => (out && !small[labels[i] - 1] ? 0 : 1))
  return trimMask({ x0: mask.x0 - left, y0: mask.y0 - top, width, height, data })
}

/**
 * The number of pixels beyond the padded mask that belong to each component, at its label. All of them are 8-connected to
 * the padding.
 * @param padded left and top: pixels of padding there; width and height: with padding
 */
function beyondAreas(
  labels: Int32Array,
  components: number,
  mask: Mask,
  size: Size,
  padded: Size & { left: number; top: number },
): Float64Array {
  const beyond = new Float64Array(components + 1)
  const { width, height, left, top } = padded
  const below = mask.y0 + mask.height < size.height
  const right = mask.x0 + mask.width < size.width
  // the padding on one side is one component, and so is the strip of the image beyond it; corners belong to the rows
  const above = mask.y0 - top
  const under = size.height - (mask.y0 - top + height)
  const before = mask.x0 - left
  const after = size.width - (mask.x0 - left + width)
  if (top && above) beyond[labels[0]] += above * size.width
  if (below && under) beyond[labels[(height - 1) * width]] += under * size.width
  if (left && before) beyond[labels[0]] += before * height
  if (right && after) beyond[labels[width - 1]] += after * height
  return beyond
}

/**
 * Drops components of the mask of fewer than `area` pixels, but keeps the largest if all are. Returns the same object if no
 * component is that small. A mask that is one small component is returned as another object, because the reference counts it
 * as changed.
 * @example
 * const clean = dropIslands(mask, 20)
 */
export function dropIslands(mask: Mask, area: number): Mask {
  if (!(area > 0) || !mask.data.length) return mask
  const { labels, areas } = components(mask.data, mask.width, mask.height)
  if (!areas.some((pixels) => pixels < area)) return mask
  let keep = areas.map((pixels) => pixels >= area)
  if (!keep.includes(true)) {
    const largest = areas.indexOf(Math.max(...areas))
    keep = areas.map((_, i) => i === largest)
  }
  return trimMask({ ...mask, data: mask.data.map((inside, i) => (inside && keep[labels[i] - 1] ? 1 : 0)) })
}
