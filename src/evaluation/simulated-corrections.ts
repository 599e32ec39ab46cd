/** @file A simulated person who corrects masks by clicks, as studies of interactive segmentation do. */
import { boxAround } from '../../engine/image/box'
import type { LabelMap } from '../../engine/image/label-map'
import { innermostPixel, squaredDistance } from '../../engine/masks/distance-transform'
import type { Instance } from '../../engine/masks/instances'
import { type Mask, maskBox, maskContains } from '../../engine/masks/mask'
import type { ImagePrompt } from '../../engine/sam/prompt-masks'

/**
 * The next click on a mask of an instance: on the pixel furthest inside what the mask lacks of it, or what it has beside it, whichever is
 * deeper; of several the first in reading order, and of what it lacks before what it has too much. Null if the mask is the instance.
 */
export function nextCorrection(labels: LabelMap, instance: Instance, mask: Mask): ImagePrompt['points'][number] | null {
  const { x0, y0, x1, y1 } = boxAround([instance, ...(mask.width ? [maskBox(mask)] : [])])
  const [width, height] = [x1 - x0 + 1, y1 - y0 + 1]
  const [lacking, extra] = [new Uint8Array(width * height), new Uint8Array(width * height)]
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const inside = labels.data[(y0 + y) * labels.width + x0 + x] === instance.id
      const covered = maskContains(mask, x0 + x, y0 + y)
      if (inside && !covered) lacking[y * width + x] = 1
      if (covered && !inside) extra[y * width + x] = 1
    }
  const [missed, wrong] = [lacking, extra].map((plane) => deepest(plane, width, height))
  const { at, depth } = missed.depth >= wrong.depth ? missed : wrong
  if (!depth) return null
  return { x: x0 + (at % width), y: y0 + Math.floor(at / width), foreground: missed.depth >= wrong.depth }
}

/**
 * Corrects the masks of instances, each by up to `clicks` clicks; a mask that is its instance is left as it is.
 * @param prompts the prompts that gave the masks
 * @param predict the masks of prompts that come with the masks that they correct
 */
export async function correctMasks<Found extends { mask: Mask }>(
  labels: LabelMap,
  instances: readonly Instance[],
  prompts: readonly ImagePrompt[],
  masks: readonly Found[],
  clicks: number,
  predict: (prompts: ImagePrompt[]) => Promise<Found[]>,
): Promise<Found[]> {
  const given = [...prompts]
  const results = [...masks]
  let open = [...prompts.keys()]
  for (let click = 0; click < clicks; click++) {
    open = open.filter((i) => {
      const { mask } = results[i]
      const point = nextCorrection(labels, instances[i], mask)
      if (point) given[i] = { ...given[i], points: [...given[i].points, point], mask }
      return point
    })
    if (!open.length) break
    const corrected = await predict(open.map((i) => given[i]))
    open.forEach((i, k) => (results[i] = corrected[k]))
  }
  return results
}

/** The pixel furthest inside a region, and the square of its distance to the outside; 0 if there is no pixel. */
function deepest(region: Uint8Array, width: number, height: number): { at: number; depth: number } {
  const depths = squaredDistance(region, width, height)
  const at = innermostPixel(depths)
  return { at, depth: depths[at] }
}
