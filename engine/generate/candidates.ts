/** @file Finds an image's candidates: prompts each crop or tile, keeps masks above the floors, removes duplicates, finds overlaps. */
import type { Size } from '../image/size'
import { type Point, type Region, regionSize } from '../image/box'
import { type GeneratedSet, type RejectionReason, type CandidateMeasures, rejectionReasons } from './candidate'
import { cropRegions, isCutByCrop } from './crops'
import { type PackedCandidate, packedBytes, unpackCandidate, packCandidate } from './packed-candidate'
import { filterCandidates, sameCrop } from './filter'
import type { DecodedMask, MaskThresholds } from './decoded-mask'
import type { GeneratorOptions } from './generator-options'
import type { OverlapCounter } from './overlap-counter'
import { findOverlaps, suppressDuplicates } from './overlaps'
import { layerPoints, addGrids } from './point-grid'
import { ambiguousTokens, movePrompt, type Prompt, singleToken, type TokenRange } from './prompt'
import type { RegionPrompts } from './region-prompts'
import type { GenerateHooks, ImageRegion, RegionRunner } from './region-runner'
import type { RgbImage } from '../image/rgb-image'
import { uncoveredPoints } from './uncovered-points'
import { mergeSeams } from './seams'
import { tileRegions } from '../image/tiles'

/** Memory that masks may take before duplicates are removed early. */
const POOL_BYTES = 256 * 2 ** 20

/** A part of the image that is encoded on its own, and its prompts. */
interface EncodedPart {
  region: Region
  /** The subset of it in which its prompts are; of tiles, the cores partition the image. */
  core: Region
  /** In pixels of the image. */
  prompts: Prompt[]
  /** The prompts that a prompt head finds; null with prompts of a grid. */
  learned: RegionPrompts | null
}

/** The candidates of an image; those of the prompts until then if `hooks.finish` ends the search. @throws the abort reason of `hooks.signal` */
export async function findCandidates(
  runner: RegionRunner,
  counter: OverlapCounter,
  image: RgbImage,
  options: GeneratorOptions,
  hooks: GenerateHooks,
): Promise<GeneratedSet> {
  const parts = partsOf(image, options)
  const removed = Object.fromEntries(rejectionReasons.map((name) => [name, 0])) as Record<RejectionReason, number>
  const learned = options.prompts === 'learned'
  let total = countPrompts(parts)
  let done = 0
  let masks = 0
  let candidates: PackedCandidate[] = []
  let bytes = 0
  let limit = POOL_BYTES
  const finished = () => hooks.finish?.aborted === true
  /** Whether this is the last round of prompts. */
  let last = !learned && !options.refinePoints

  const countIn = (masks: readonly PackedCandidate[]) => (pairs: Uint32Array) =>
    counter.count(
      masks.map(({ bits }) => bits),
      pairs,
    )
  const add = (candidate: PackedCandidate) => {
    candidates.push(candidate)
    bytes += packedBytes(candidate)
  }
  // a mask that a tile cuts may have a higher predicted IoU than its whole duplicate in the next tile, so until seams are
  // merged only masks of one tile are compared
  const removeDuplicates = async (comparable?: (a: CandidateMeasures, b: CandidateMeasures) => boolean) => {
    const masks = candidates
    const kept = await suppressDuplicates(masks, options.duplicateIou, countIn(masks), comparable)
    removed.duplicates += masks.length - kept.length
    candidates = []
    bytes = 0
    for (const i of kept) add(masks[i])
    limit = Math.max(POOL_BYTES, 2 * bytes)
  }
  /** The first part of the image that follows, once. */
  let announced = false
  const firstOfNext = (): ImageRegion | null => {
    const next = announced ? null : hooks.next?.()
    announced ||= !!next
    return next ? { image: next.image, region: partsOf(next.image, { ...options, ...next.view })[0].region } : null
  }
  /** @param next the part that follows, if there is one */
  const promptPart = async ({ region, prompts }: EncodedPart, tokens: TokenRange, next?: EncodedPart) => {
    if (!prompts.length || finished()) return
    hooks.signal?.throwIfAborted()
    runner.encode(image, region)
    const thresholds: MaskThresholds = {
      predIouThresh: options.floorPredIou,
      stabilityScoreThresh: options.floorStability,
      stabilityScoreOffset: options.stabilityScoreOffset,
      maskThreshold: options.maskThreshold,
      keepLogits: options.keepLogits,
      // a mask that a tile cuts is merged with its neighbour's part afterwards
      accept: options.tileSize ? undefined : (box) => !isCutByCrop(box, region, image),
    }
    const local = prompts.map((prompt) => movePrompt(prompt, -region.left, -region.top))
    const collect = async (decoded: DecodedMask[], prompted: number) => {
      for (const mask of decoded) add(packCandidate(mask, region, prompts[mask.prompt], image, options))
      if (bytes > limit) await removeDuplicates(sameCrop)
      done += prompted
      masks += tokens.count * prompted
      hooks.onProgress?.(done, total)
    }
    const ahead = () => {
      if (next) return learned || next.prompts.length ? { image, region: next.region } : null
      // a second round may encode parts again, but a single one stays encoded
      return last || parts.length === 1 ? firstOfNext() : null
    }
    await runner.run(local, tokens, thresholds, removed, collect, hooks, ahead)
  }
  const learnPrompts = async (part: EncodedPart) => {
    const { region, core } = part
    hooks.signal?.throwIfAborted()
    runner.encode(image, region)
    part.learned = await runner.findPrompts(core)
    part.prompts = part.learned.first()
  }
  /** The middles of what no mask covers that passes the filters. */
  const missedPoints = async (): Promise<Point[]> => {
    const overlaps = await findOverlaps(candidates, countIn(candidates))
    const { kept } = filterCandidates({ size: image, candidates: [...candidates], overlaps }, options)
    const bits = kept.map((i) => candidates[i].bits)
    return uncoveredPoints(bits, image, options.refinePoints)
  }
  const mergeRegions = async () => {
    if (!options.tileSize) return removeDuplicates()
    await removeDuplicates(sameCrop)
    const merged = mergeSeams(candidates, image, cellPixels(options, runner.side))
    removed.seams += candidates.length - merged.length
    candidates = merged
    await removeDuplicates()
  }

  for (const [i, part] of parts.entries()) {
    if (finished()) break
    if (learned) {
      await learnPrompts(part)
      total = Math.round((countPrompts(parts) / (i + 1)) * parts.length)
    }
    await promptPart(part, learned ? singleToken : ambiguousTokens, parts[i + 1])
  }
  await mergeRegions()
  if ((learned || options.refinePoints) && !finished()) {
    const more = learned ? missedParticles(candidates, parts) : partsWithPoints(await missedPoints(), image, parts)
    total = done + countPrompts(more)
    last = true
    for (const [i, part] of more.entries()) await promptPart(part, ambiguousTokens, more[i + 1])
    if (more.length) await mergeRegions()
  }
  const next = runner.encodesAhead && !finished() ? firstOfNext() : null
  if (next) runner.encodeAhead(next)
  const overlaps = await findOverlaps(candidates, countIn(candidates))
  const size = { width: image.width, height: image.height }
  return {
    size,
    candidates: candidates.map(unpackCandidate),
    overlaps,
    prompts: done,
    masks,
    removed,
  }
}

/** Side, in pixels of the image, of the part of a tile that one cell of the logits covers. */
const cellPixels = ({ tileSize }: GeneratorOptions, side: number): number => Math.max(2, Math.ceil(tileSize / side))

function partsOf(size: Size, options: GeneratorOptions): EncodedPart[] {
  const places = options.tileSize
    ? tileRegions(size, options.tileSize, options.tileHalo).map((tile) => ({ ...tile, layer: 0 }))
    : cropRegions(size, options).map((crop) => ({ ...crop, core: crop.region }))
  return places.map(({ region, core, layer }): EncodedPart => {
    if (options.prompts === 'learned') return { region, core, prompts: [], learned: null }
    const own = regionSize(region)
    const local = addGrids(layerPoints(options, layer, own), layer ? [] : options.pointScales, own)
    const points = local.map(([x, y]): Point => [x + region.left, y + region.top])
    const prompts = points.filter((point) => isIn(point, core, size)).map((point): Prompt => ({ point }))
    return { region, core, prompts, learned: null }
  })
}

/** The points of the first round on an image, in its pixels: those of the grids of all crops or tiles. */
export const firstPoints = (size: Size, options: GeneratorOptions): Point[] =>
  partsOf(size, options).flatMap(({ prompts }) => prompts.map(({ point }) => point))

const countPrompts = (parts: readonly EncodedPart[]): number =>
  parts.reduce((sum, { prompts }) => sum + prompts.length, 0)

/** True if a point is in a region; the image's own right and bottom edge belong to the regions that end there. */
function isIn([x, y]: Point, { left, top, right, bottom }: Region, { width, height }: Size): boolean {
  return x >= left && (x < right || right === width) && y >= top && (y < bottom || bottom === height)
}

/** The second round after learned prompts: points in the particles that no candidate covers. */
const missedParticles = (candidates: readonly PackedCandidate[], parts: readonly EncodedPart[]): EncodedPart[] =>
  parts.map((part) => ({ ...part, prompts: part.learned!.missed(candidates) })).filter(({ prompts }) => prompts.length)

/** The second round of a grid: each point in the part whose core contains it. */
function partsWithPoints(points: readonly Point[], size: Size, parts: readonly EncodedPart[]): EncodedPart[] {
  // with crops, the first part is the whole image; with tiles, exactly one core contains a point
  const found = parts.map((part): EncodedPart => ({ ...part, prompts: [] }))
  for (const point of points) found.find(({ core }) => isIn(point, core, size))?.prompts.push({ point })
  return found.filter((part) => part.prompts.length)
}
