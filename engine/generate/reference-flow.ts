/** @file The reference's flow from an image to its records, step by step. */
import { type Mask, maskBox } from '../masks/mask'
import { paintMasks } from '../masks/mask-algebra'
import { type PackedMask, unpackMask } from '../masks/bit-mask'
import { dropIslands, fillHoles } from '../masks/holes-islands'
import { compressCounts, maskCounts } from '../masks/rle'
import type { Size } from '../image/size'
import { type Box, type Point, type Region, boxInImage, regionSize } from '../image/box'
import { cropsOf, isCut } from './crops'
import type { FoundMask } from './found-mask'
import { boxNms } from './nms'
import type { GeneratorOptions } from './generator-options'
import { layerPoints } from './point-grid'
import type { MaskRecord } from './reference-record'
import type { GenerateHooks, RegionRunner } from './region-runner'
import type { RgbImage } from '../image/rgb-image'

interface Entry {
  /** Its pixels, in the crop. */
  bits: PackedMask
  /** Of the mask in the crop. */
  inner: Box
  /** In the image. */
  box: Box
  crop: Region
  predictedIou: number
  stability: number
  point: Point
  /** Where small regions were changed. */
  mended?: Mask
}

export async function referenceRecords(
  runner: RegionRunner,
  image: RgbImage,
  options: GeneratorOptions,
  { onProgress, signal }: GenerateHooks,
): Promise<MaskRecord[]> {
  const crops = cropsOf(image, options).map(({ region, layer }) => ({
    region,
    points: layerPoints(options, layer, regionSize(region)),
  }))
  const total = crops.reduce((sum, { points }) => sum + points.length, 0)
  let done = 0
  let entries: Entry[] = []
  for (const { region: crop, points } of crops) {
    signal?.throwIfAborted()
    if (!points.length) continue
    runner.encode(image, crop)
    const counts = { floorPredIou: 0, floorStability: 0, cropEdge: 0 }
    const accept = (box: Box) => !isCut(box, crop, image)
    const wanted = { ...options, keepLogits: false, accept }
    const found: FoundMask[] = []
    const collect = (masks: FoundMask[], asked: number) => {
      found.push(...masks)
      done += asked
      onProgress?.(done, total)
    }
    await runner.run(points, wanted, counts, collect, signal)
    const kept = boxNms(
      found.map(({ box }) => box),
      found.map(({ predictedIou }) => predictedIou),
      options.boxNmsThresh,
    )
    for (const i of kept) {
      const { bits, box, predictedIou, stability, prompt } = found[i]
      const [x, y] = points[prompt]
      const point: Point = [x + crop.left, y + crop.top]
      entries.push({ bits, inner: box, box: boxInImage(box, crop), crop, predictedIou, stability, point })
    }
  }
  if (crops.length > 1) {
    const scores = entries.map(({ crop }) => Math.fround(1 / ((crop.right - crop.left) * (crop.bottom - crop.top))))
    entries = suppress(entries, scores, options.cropNmsThresh)
  }
  if (options.minMaskRegionArea > 0) entries = mendRegions(entries, image, options)
  return entries.map((entry) => recordOf(entry, image, options))
}

const suppress = (entries: readonly Entry[], scores: readonly number[], threshold: number): Entry[] =>
  boxNms(
    entries.map(({ box }) => box),
    scores,
    threshold,
  ).map((i) => entries[i])

const maskOf = ({ bits, inner, crop, mended }: Entry): Mask => {
  if (mended) return mended
  const mask = unpackMask(bits, inner)
  return { ...mask, x0: mask.x0 + crop.left, y0: mask.y0 + crop.top }
}

/** Fills small holes, drops small islands, and suppresses again: masks that needed no change before those that did. */
function mendRegions(entries: readonly Entry[], size: Size, options: GeneratorOptions): Entry[] {
  const area = options.minMaskRegionArea
  const scores: number[] = []
  const all = entries.map((entry): Entry => {
    const mask = maskOf(entry)
    const mended = dropIslands(fillHoles(mask, size, area), area)
    scores.push(mended === mask ? 1 : 0)
    return mended === mask ? entry : { ...entry, mended, box: referenceBox(mended) }
  })
  return suppress(all, scores, Math.max(options.boxNmsThresh, options.cropNmsThresh))
}

/** As the reference implementation, the box of an empty mask is 0, 0, 0, 0. */
const referenceBox = (mask: Mask): Box => (mask.width ? maskBox(mask) : { x0: 0, y0: 0, x1: 0, y1: 0 })

function recordOf(entry: Entry, size: Size, { outputMode }: GeneratorOptions): MaskRecord {
  const { box, crop, predictedIou, stability, point } = entry
  const mask = maskOf(entry)
  const counts = maskCounts(mask, size)
  const whole: [number, number] = [size.height, size.width]
  const segmentation =
    outputMode === 'binary_mask'
      ? paintMasks([mask], size)
      : { size: whole, counts: outputMode === 'coco_rle' ? compressCounts(counts) : counts }
  return {
    segmentation,
    area: counts.reduce((sum, run, i) => (i & 1 ? sum + run : sum), 0),
    // the reference's width and height are the distance of the outermost pixels
    bbox: [box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0],
    predicted_iou: predictedIou,
    point_coords: [point],
    stability_score: stability,
    crop_box: [crop.left, crop.top, crop.right - crop.left, crop.bottom - crop.top],
  }
}
