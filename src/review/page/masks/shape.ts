/** @file What edits on the review page do to the shape of masks: split into parts, filled, tidied. */
import { innermostPixel } from '../../../../engine/masks/distance-transform'
import { components } from '../../../../engine/masks/components'
import type { Point } from '../../../../engine/image/box'
import { maskArea, type Mask } from '../../../../engine/masks/mask'
import { blankAround, pasteMask, trimMask, uniteMasks } from '../../../../engine/masks/mask-algebra'

/** The 8-connected parts, the largest first. */
export function parts(mask: Mask): Mask[] {
  const { labels, areas } = components(mask.data, mask.width, mask.height)
  const order = areas.map((_, i) => i).sort((a, b) => areas[b] - areas[a] || a - b)
  return order.map((i) => trimMask({ ...mask, data: Uint8Array.from(labels, (label) => (label === i + 1 ? 1 : 0)) }))
}

/** The mask with its holes filled: background not 4-connected to the outside. */
export function filled(mask: Mask): Mask {
  if (!mask.width) return mask
  const result = blankAround([mask], 1)
  pasteMask(result, mask, 1)
  const { width, height, data } = result
  // 2 marks background connected to the outside
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
  return trimMask(result)
}

/** The mask without holes, and without parts smaller than a quarter of the largest. */
export function tidied(mask: Mask): Mask {
  const all = parts(mask)
  return all.length ? filled(uniteMasks(all.filter((part) => 4 * maskArea(part) >= maskArea(all[0])))) : mask
}

/** The centre of the pixel deepest inside, for placing a label. @param depth squared distances to the outside */
export function deepest({ x0, y0, width }: Mask, depth: ArrayLike<number>): Point {
  const best = innermostPixel(depth)
  return [x0 + (best % width) + 0.5, y0 + Math.floor(best / width) + 0.5]
}
