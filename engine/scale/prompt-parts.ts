/**
 * @file Which part of an image each prompt is decoded in. A prompt goes to the tile in which it is most central; an object that
 * does not fit into a tile is seen in a larger one, at last in the whole image.
 */
import { type Box, boxAround, type Region, regionSize, wholeRegion } from '../image/box'
import type { Size } from '../image/size'
import { tileRegions } from '../image/tiles'
import { type Mask, maskBox } from '../masks/mask'
import { trimMask } from '../masks/mask-algebra'
import type { ImagePrompt } from '../sam/prompt-masks'
import { LARGEST_OF_MEDIAN, type ParticleSize } from './particle-size'
import type { ScaleSettings } from './scale-settings'
import { chooseView, defaultBand, defaultViewLimits, type View } from './view'

/**
 * By how many medians of the diameter a tile extends beyond its core. Where it is known how large each prompted object is, those that do
 * not fit are seen in larger tiles, and need not decide for all (docs/results.md). Where only the median is known, a large particle should
 * fit: cut, its part may pass for a particle.
 */
export const roomOf = { known: 1.25, unknown: LARGEST_OF_MEDIAN }

/** Space between a box and its tile's edges, as a fraction of its longer side: an object needs surroundings. */
const MARGIN = 0.25

/**
 * The view for a number of prompts on an image. Only tiles with a prompt are encoded, so the limit on tiles counts only if there
 * are more prompts than that; and a few large objects need not decide for all, because they are seen in larger tiles.
 * @param room see roomOf
 * @throws Error as chooseView
 */
export function viewForPrompts(
  image: Size,
  inputSize: number,
  size: ParticleSize | null,
  prompts: number,
  { band = defaultBand, limits = defaultViewLimits }: Omit<ScaleSettings, 'diameter'>,
  room = roomOf.unknown,
): View {
  const bounded = size && { ...size, largest: Math.min(size.largest, room * size.diameter) }
  const free = prompts <= limits.tiles ? { ...limits, tiles: Infinity } : limits
  return chooseView(image, inputSize, bounded, band, free)
}

/**
 * Decodes each prompt in its part of the image, one part after another.
 * @param maskSide side of the model's masks in logits: a mask that ends within one logit of its tile's edge may continue beyond
 * @param predictIn decodes prompts, in pixels of the image, in one part; the first mask of each is the best
 * @param extents the box that each prompted object seems to fill, null where nothing is known: it is seen in a tile with room for it
 */
export async function predictInParts<Found extends readonly { mask: Mask }[]>(
  image: Size,
  prompts: readonly ImagePrompt[],
  view: Pick<View, 'tileSize' | 'tileHalo'>,
  maskSide: number,
  predictIn: (region: Region, prompts: ImagePrompt[]) => Promise<Found[]>,
  extents: readonly (Box | null)[] = [],
): Promise<Found[]> {
  const results = new Array<Found>(prompts.length)
  let pending = prompts.map((_, i) => i)
  for (const regions of levels(image, view)) {
    const byRegion = regions.map((): number[] => [])
    const next: number[] = []
    for (const i of pending) {
      const region = regions.length > 1 ? mostCentral(regions, extentOf(prompts[i], extents[i] ?? null), image) : 0
      ;(region < 0 ? next : byRegion[region]).push(i)
    }
    for (const [r, region] of regions.entries()) {
      const here = byRegion[r]
      if (!here.length) continue
      const masks = await predictIn(
        region,
        here.map((i) => prompts[i]),
      )
      masks.forEach((found, k) => {
        results[here[k]] = found
        if (isCut(found[0].mask, region, image, maskSide)) next.push(here[k])
      })
    }
    pending = next
    if (!pending.length) break
  }
  return results
}

/** A prompt in pixels of a region. */
export function inRegion({ points, box, mask }: ImagePrompt, { left, top }: Region): ImagePrompt {
  return {
    ...(mask && { mask: { ...mask, x0: mask.x0 - left, y0: mask.y0 - top } }),
    points: points.map(({ x, y, foreground }) => ({ x: x - left, y: y - top, foreground })),
    box: box && [box[0] - left, box[1] - top, box[2] - left, box[3] - top],
  }
}

/** A mask in pixels of a region, in pixels of the image that contains the region. */
export const maskInImage = (mask: Mask, { left, top }: Region): Mask =>
  mask.width ? { ...mask, x0: mask.x0 + left, y0: mask.y0 + top } : mask

/** The tiles of a view, then larger and larger ones, then the whole image alone. */
function* levels(image: Size, { tileSize, tileHalo }: Pick<View, 'tileSize' | 'tileHalo'>): Generator<Region[]> {
  if (tileSize)
    for (let factor = 1; factor * tileSize < Math.max(image.width, image.height); factor *= 2)
      yield tileRegions(image, factor * tileSize, factor * tileHalo).map(({ region }) => region)
  yield [wholeRegion(image)]
}

/** The distance from a box to the nearest edge of a region that is not the image's own. */
function clearance({ x0, y0, x1, y1 }: Box, { left, top, right, bottom }: Region, { width, height }: Size): number {
  return Math.min(
    left ? x0 - left : Infinity,
    top ? y0 - top : Infinity,
    right < width ? right - 1 - x1 : Infinity,
    bottom < height ? bottom - 1 - y1 : Infinity,
  )
}

/** The box of everything that is known of a prompted object. */
function extentOf({ points, box, mask }: ImagePrompt, known: Box | null): Box {
  return boxAround([
    ...points.map(({ x, y }) => ({ x0: x, y0: y, x1: x, y1: y })),
    ...(box ? [{ x0: box[0], y0: box[1], x1: box[2], y1: box[3] }] : []),
    ...(mask?.width ? [maskBox(mask)] : []),
    ...(known ? [known] : []),
  ])
}

/** The index of the region in which an object is furthest from the edges, -1 if none has room for it. */
function mostCentral(regions: readonly Region[], extent: Box, image: Size): number {
  const margin = MARGIN * Math.max(extent.x1 - extent.x0, extent.y1 - extent.y0)
  let [best, most] = [-1, margin]
  regions.forEach((region, i) => {
    const space = clearance(extent, region, image)
    if (best < 0 ? space >= most : space > most) [best, most] = [i, space]
  })
  return best
}

/** True if a mask ends within one logit of an edge of its region that is not the image's: it may continue beyond. */
export function isCut(mask: Mask, region: Region, image: Size, maskSide: number): boolean {
  const logit = Math.max(...Object.values(regionSize(region))) / maskSide
  const tight = trimMask(mask)
  return tight.width > 0 && clearance(maskBox(tight), region, image) < logit
}
