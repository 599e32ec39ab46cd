/** @file Small holes filled and small islands dropped, as the reference does it: 8-connected, whole regions by their area. */
import { components } from './components'
import type { Mask } from './mask'
import { paintMasks, trimMask } from './mask-algebra'
import type { Size } from '../image/size'

/**
 * Fills regions outside the mask of fewer than `area` pixels. The image's border counts as nothing special: a small corner
 * cut off by the mask is filled too. Gives the same object where nothing changes.
 */
export function fillHoles(mask: Mask, size: Size, area: number): Mask {
  if (!(area > 0) || !mask.data.length) return mask
  // one pixel of surroundings joins what lies outside into its true region, where there is such a pixel
  const left = Math.min(1, mask.x0)
  const top = Math.min(1, mask.y0)
  const width = left + mask.width + Math.min(1, size.width - mask.x0 - mask.width)
  const height = top + mask.height + Math.min(1, size.height - mask.y0 - mask.height)
  const outside = new Uint8Array(width * height).fill(1)
  for (let y = 0; y < mask.height; y++)
    for (let x = 0; x < mask.width; x++) if (mask.data[y * mask.width + x]) outside[(y + top) * width + x + left] = 0
  const { labels, areas } = components(outside, width, height)
  // what touches the surroundings goes on beyond the part looked at
  const beyond = beyondAreas(labels, areas.length, mask, size, { left, top, width, height })
  const small = areas.map((pixels, i) => pixels + beyond[i + 1] < area)
  if (!small.includes(true)) return mask
  // a small region that goes on beyond the part is filled there too: then the part is the whole image
  if (small.some((is, i) => is && beyond[i + 1] > 0))
    return fillHoles({ x0: 0, y0: 0, ...size, data: paintMasks([mask], size) }, size, area)
  const data = outside.map((out, i) => (out && !small[labels[i] - 1] ? 0 : 1))
  return trimMask({ x0: mask.x0 - left, y0: mask.y0 - top, width, height, data })
}

/** Pixels outside the padded part that belong to each region. All of them join the ring of surroundings, by 8-connection. */
function beyondAreas(
  labels: Int32Array,
  regions: number,
  mask: Mask,
  size: Size,
  part: { left: number; top: number; width: number; height: number },
): Float64Array {
  const beyond = new Float64Array(regions + 1)
  const { width, height, left, top } = part
  const below = mask.y0 + mask.height < size.height
  const right = mask.x0 + mask.width < size.width
  // each side's strip of surroundings is one region; what lies beyond it is shared out by strips, corners to the rows
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
 * Drops parts of the mask of fewer than `area` pixels; where all are, the largest stays. The same object where none is so
 * small: a mask of one small part comes back as another object, and counts as changed in the reference.
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
