/** @file From an image to candidates: its regions, all masks above the floors, each once, and how they overlap. */
import type { Size } from '../image/size'
import { type Point, type Region, regionSize } from '../image/box'
import { type GeneratedSet, type Overlap, type Removal, type Scored, removals } from './candidate'
import { cropsOf, isCut } from './crops'
import { type Draft, bytesOf, candidateOf, draftOf } from './candidate-draft'
import { filterCandidates, sameCrop } from './filter'
import type { FoundMask, FoundOptions } from './found-mask'
import type { GeneratorOptions } from './generator-options'
import type { OverlapCounter } from './overlap-counter'
import { overlapsOf, withoutDuplicates } from './overlaps'
import { layerPoints, withScales } from './point-grid'
import type { GenerateHooks, RegionRunner } from './region-runner'
import type { RgbImage } from '../image/rgb-image'
import { residualPoints } from './uncovered-points'
import { mergeSeams } from './seams'
import { tilesOf } from './tiles'

/** Masks may take so much memory before duplicates are removed in between. */
const POOL_BYTES = 256 * 2 ** 20

/** A part of the image that is encoded on its own, and its prompts. */
interface EncodedPart {
  region: Region
  /** The subset of it in which its prompts are; of tiles, the cores partition the image. */
  core: Region
  /** In pixels of the image. */
  points: Point[]
}

export async function findCandidates(
  runner: RegionRunner,
  counter: OverlapCounter,
  image: RgbImage,
  options: GeneratorOptions,
  hooks: GenerateHooks,
): Promise<GeneratedSet> {
  const parts = partsOf(image, options)
  const removed = Object.fromEntries(removals.map((name) => [name, 0])) as Record<Removal, number>
  let total = parts.reduce((sum, { points }) => sum + points.length, 0)
  let done = 0
  let drafts: Draft[] = []
  let bytes = 0
  let limit = POOL_BYTES

  const countIn = (masks: readonly Draft[]) => (pairs: Uint32Array) =>
    counter.count(
      masks.map(({ bits }) => bits),
      pairs,
    )
  const add = (draft: Draft) => {
    drafts.push(draft)
    bytes += bytesOf(draft)
  }
  // a mask that a tile cuts may be better rated than its whole partner: before seams are merged each tile is for itself
  const collapse = async (among?: (a: Scored, b: Scored) => boolean) => {
    const masks = drafts
    const kept = await withoutDuplicates(masks, options.duplicateIou, countIn(masks), among)
    removed.duplicates += masks.length - kept.length
    drafts = []
    bytes = 0
    for (const i of kept) add(masks[i])
    limit = Math.max(POOL_BYTES, 2 * bytes)
  }
  const promptPart = async ({ region, points }: EncodedPart) => {
    if (!points.length) return
    hooks.signal?.throwIfAborted()
    runner.encode(image, region)
    const wanted: FoundOptions = {
      predIouThresh: options.floorPredIou,
      stabilityScoreThresh: options.floorStability,
      stabilityScoreOffset: options.stabilityScoreOffset,
      maskThreshold: options.maskThreshold,
      keepLogits: options.keepLogits,
      // what a tile cuts is merged with its neighbour's part afterwards
      accept: options.tileSize ? undefined : (box) => !isCut(box, region, image),
    }
    const local = points.map(([x, y]): Point => [x - region.left, y - region.top])
    const collect = async (masks: FoundMask[], asked: number) => {
      for (const mask of masks) add(draftOf(mask, region, points[mask.prompt], image, options))
      if (bytes > limit) await collapse(sameCrop)
      done += asked
      hooks.onProgress?.(done, total)
    }
    await runner.run(local, wanted, removed, collect, hooks.signal)
  }
  const settle = async () => {
    if (!options.tileSize) return collapse()
    await collapse(sameCrop)
    const merged = mergeSeams(drafts, image, cellOf(options, runner.side))
    removed.seams += drafts.length - merged.length
    drafts = merged
    await collapse()
  }

  for (const part of parts) await promptPart(part)
  await settle()
  if (options.refinePoints) {
    const overlaps = await overlapsOf(drafts, countIn(drafts))
    const more = missedPoints(drafts, overlaps, image, options, parts)
    total += more.reduce((sum, { points }) => sum + points.length, 0)
    for (const part of more) await promptPart(part)
    if (more.length) await settle()
  }
  const overlaps = await overlapsOf(drafts, countIn(drafts))
  const size = { width: image.width, height: image.height }
  return { size, candidates: drafts.map(candidateOf), overlaps, points: done, masks: 3 * done, removed }
}

/** Pixels of a tile that one cell of the logits covers. */
const cellOf = ({ tileSize }: GeneratorOptions, side: number): number => Math.max(2, Math.ceil(tileSize / side))

function partsOf(size: Size, options: GeneratorOptions): EncodedPart[] {
  const places = options.tileSize
    ? tilesOf(size, options.tileSize, options.tileHalo).map((tile) => ({ ...tile, layer: 0 }))
    : cropsOf(size, options).map((crop) => ({ ...crop, core: crop.region }))
  return places.map(({ region, core, layer }): EncodedPart => {
    const own = regionSize(region)
    const local = withScales(layerPoints(options, layer, own), layer ? [] : options.pointScales, own)
    const points = local.map(([x, y]): Point => [x + region.left, y + region.top])
    return { region, core, points: points.filter((point) => isIn(point, core, size)) }
  })
}

/** True if a point is in a region; the image's own right and bottom edge belong to the regions that end there. */
function isIn([x, y]: Point, { left, top, right, bottom }: Region, { width, height }: Size): boolean {
  return x >= left && (x < right || right === width) && y >= top && (y < bottom || bottom === height)
}

/** The second round: the middles of what the masks that pass the filters leave uncovered, each in the region that answers for it. */
function missedPoints(
  drafts: readonly Draft[],
  overlaps: Overlap[],
  size: Size,
  options: GeneratorOptions,
  parts: readonly EncodedPart[],
): EncodedPart[] {
  const { kept } = filterCandidates({ size, candidates: [...drafts], overlaps }, options)
  const points = residualPoints(
    kept.map((i) => drafts[i].bits),
    size,
    options.refinePoints,
  )
  // the first region is the whole image where there are crops; of tiles each point has its own
  const mine = parts.map((part): EncodedPart => ({ ...part, points: [] }))
  for (const point of points) mine.find(({ core }) => isIn(point, core, size))?.points.push(point)
  return mine.filter((part) => part.points.length)
}
