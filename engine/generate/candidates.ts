/** @file From an image to candidates: its regions, all masks above the floors, each once, and how they overlap. */
import type { Size } from '../image/transforms'
import { type Box, type GeneratedSet, type Overlap, type Removal, type Scored, removals } from './candidate'
import { cropsOf, isCut } from './crops'
import { type Draft, bytesOf, candidateOf, draftOf } from './candidate-draft'
import { filterCandidates, sameCrop } from './filter'
import type { FoundMask, FoundOptions } from './found-mask'
import type { GeneratorOptions } from './generator-options'
import type { OverlapCounter } from './overlap-counter'
import { overlapsOf, withoutDuplicates } from './overlaps'
import { type Point, layerPoints, withScales } from './point-grid'
import type { RgbImage } from '../image/rgb-image'
import type { GenerateHooks, RegionRunner } from './region-runner'
import { residualPoints } from './uncovered-points'
import { mergeSeams } from './seams'
import { tilesOf } from './tiles'

/** Masks may take so much memory before duplicates are removed in between. */
const POOL_BYTES = 256 * 2 ** 20

/** A part of the image that is encoded by itself. */
interface Region {
  /** Exclusive right and bottom. */
  box: Box
  /** The part of it that no other region answers for: points lie here. */
  core: Box
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
  const regions = regionsOf(image, options)
  const removed = Object.fromEntries(removals.map((name) => [name, 0])) as Record<Removal, number>
  let total = regions.reduce((sum, { points }) => sum + points.length, 0)
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
  const ask = async ({ box, points }: Region) => {
    if (!points.length) return
    hooks.signal?.throwIfAborted()
    runner.encode(image, box)
    const wanted: FoundOptions = {
      predIouThresh: options.floorPredIou,
      stabilityScoreThresh: options.floorStability,
      stabilityScoreOffset: options.stabilityScoreOffset,
      maskThreshold: options.maskThreshold,
      keepLogits: options.keepLogits,
      // what a tile cuts is merged with its neighbour's part afterwards
      accept: options.tileSize ? undefined : (mask) => !isCut(mask, box, image),
    }
    const local = points.map(([x, y]): Point => [x - box[0], y - box[1]])
    const collect = async (masks: FoundMask[], asked: number) => {
      for (const mask of masks) add(draftOf(mask, box, points[mask.prompt], image, options))
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

  for (const region of regions) await ask(region)
  await settle()
  if (options.refinePoints) {
    const overlaps = await overlapsOf(drafts, countIn(drafts))
    const more = missedPoints(drafts, overlaps, image, options, regions)
    total += more.reduce((sum, { points }) => sum + points.length, 0)
    for (const region of more) await ask(region)
    if (more.length) await settle()
  }
  const overlaps = await overlapsOf(drafts, countIn(drafts))
  const size = { width: image.width, height: image.height }
  return { size, candidates: drafts.map(candidateOf), overlaps, points: done, masks: 3 * done, removed }
}

/** Pixels of a tile that one cell of the logits covers. */
const cellOf = ({ tileSize }: GeneratorOptions, side: number): number => Math.max(2, Math.ceil(tileSize / side))

function regionsOf(size: Size, options: GeneratorOptions): Region[] {
  const parts = options.tileSize
    ? tilesOf(size, options.tileSize, options.tileHalo).map((tile) => ({ ...tile, layer: 0 }))
    : cropsOf(size, options).map(({ box, layer }) => ({ box, core: box, layer }))
  return parts.map(({ box, core, layer }): Region => {
    const own = { width: box[2] - box[0], height: box[3] - box[1] }
    const local = withScales(layerPoints(options, layer, own), layer ? [] : options.pointScales, own)
    const points = local.map(([x, y]): Point => [x + box[0], y + box[1]])
    return { box, core, points: points.filter((point) => isIn(point, core, size)) }
  })
}

/** Whether a point lies in a core (exclusive right and bottom, but for the image's own edges). */
function isIn([x, y]: Point, [x0, y0, x1, y1]: Box, { width, height }: Size): boolean {
  return x >= x0 && (x < x1 || x1 === width) && y >= y0 && (y < y1 || y1 === height)
}

/** The second round: the middles of what the masks that pass the filters leave uncovered, each in the region that answers for it. */
function missedPoints(
  drafts: readonly Draft[],
  overlaps: Overlap[],
  size: Size,
  options: GeneratorOptions,
  regions: readonly Region[],
): Region[] {
  const { kept } = filterCandidates({ size, candidates: [...drafts], overlaps }, options)
  const points = residualPoints(
    kept.map((i) => drafts[i].bits),
    size,
    options.refinePoints,
  )
  // the first region is the whole image where there are crops; of tiles each point has its own
  const mine = regions.map((region): Region => ({ ...region, points: [] }))
  for (const point of points) mine.find(({ core }) => isIn(point, core, size))?.points.push(point)
  return mine.filter((region) => region.points.length)
}
