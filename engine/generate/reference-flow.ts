/** @file The reference implementation's mask generator, step by step: crops, thresholds, box NMS, small regions, records. */
import { type Mask, maskBox } from '../masks/mask'
import { paintMasks } from '../masks/mask-algebra'
import { type PackedMask, unpackMask } from '../masks/bit-mask'
import { dropIslands, fillHoles } from '../masks/holes-islands'
import { compressCounts, maskCounts } from '../masks/rle'
import type { Size } from '../image/size'
import { type Box, type Point, type Region, boxInImage, regionSize, regionToXYWH } from '../image/box'
import { cropRegions, isCutByCrop } from './crops'
import type { DecodedMask } from './decoded-mask'
import { boxNms } from './nms'
import type { GeneratorOptions } from './generator-options'
import { layerPoints } from './point-grid'
import { ambiguousTokens, type Prompt } from './prompt'
import type { MaskRecord } from './reference-record'
import type { GenerateHooks, RegionRunner } from './region-runner'
import type { RgbImage } from '../image/rgb-image'

interface CropMask {
  /** In pixels of the crop. */
  bits: PackedMask
  /** In pixels of the crop. */
  boxInCrop: Box
  /** In pixels of the image. */
  box: Box
  crop: Region
  predictedIou: number
  stability: number
  point: Point
  /** The mask in the image, if small regions of it were removed. */
  cleaned?: Mask
}

/** The records of an image. @throws the abort reason of `signal` */
export async function referenceRecords(
  runner: RegionRunner,
  image: RgbImage,
  options: GeneratorOptions,
  { onProgress, signal }: GenerateHooks,
): Promise<MaskRecord[]> {
  const crops = cropRegions(image, options).map(({ region, layer }) => ({
    region,
    points: layerPoints(options, layer, regionSize(region)),
  }))
  const total = crops.reduce((sum, { points }) => sum + points.length, 0)
  let done = 0
  let entries: CropMask[] = []
  for (const { region: crop, points } of crops) {
    signal?.throwIfAborted()
    if (!points.length) continue
    runner.encode(image, crop)
    const counts = { floorPredIou: 0, floorStability: 0, cropEdge: 0 }
    const accept = (box: Box) => !isCutByCrop(box, crop, image)
    const thresholds = { ...options, keepLogits: false, accept }
    const found: DecodedMask[] = []
    const collect = (masks: DecodedMask[], prompted: number) => {
      found.push(...masks)
      done += prompted
      onProgress?.(done, total)
    }
    const prompts = points.map((point): Prompt => ({ point }))
    await runner.run(prompts, ambiguousTokens, thresholds, counts, collect, { signal })
    const kept = boxNms(
      found.map(({ box }) => box),
      found.map(({ predictedIou }) => predictedIou),
      options.boxNmsThresh,
    )
    for (const i of kept) {
      const { bits, box, predictedIou, stability, prompt } = found[i]
      const [x, y] = points[prompt]
      const point: Point = [x + crop.left, y + crop.top]
      entries.push({ bits, boxInCrop: box, box: boxInImage(box, crop), crop, predictedIou, stability, point })
    }
  }
  if (crops.length > 1) {
    const scores = entries.map(({ crop }) => Math.fround(1 / ((crop.right - crop.left) * (crop.bottom - crop.top))))
    entries = keepBest(entries, scores, options.cropNmsThresh)
  }
  if (options.minMaskRegionArea > 0) entries = removeSmallRegions(entries, image, options)
  return entries.map((entry) => recordOf(entry, image, options))
}

const keepBest = (entries: readonly CropMask[], scores: readonly number[], threshold: number): CropMask[] =>
  boxNms(
    entries.map(({ box }) => box),
    scores,
    threshold,
  ).map((i) => entries[i])

/** The mask in pixels of the image. */
const maskOf = ({ bits, boxInCrop, crop, cleaned }: CropMask): Mask => {
  if (cleaned) return cleaned
  const mask = unpackMask(bits, boxInCrop)
  return { ...mask, x0: mask.x0 + crop.left, y0: mask.y0 + crop.top }
}

/** Fills small holes, drops small islands, and suppresses by boxes again, preferring masks that did not change. */
function removeSmallRegions(entries: readonly CropMask[], size: Size, options: GeneratorOptions): CropMask[] {
  const area = options.minMaskRegionArea
  const scores: number[] = []
  const all = entries.map((entry): CropMask => {
    const mask = maskOf(entry)
    const cleaned = dropIslands(fillHoles(mask, size, area), area)
    scores.push(cleaned === mask ? 1 : 0)
    return cleaned === mask ? entry : { ...entry, cleaned, box: referenceBox(cleaned) }
  })
  return keepBest(all, scores, Math.max(options.boxNmsThresh, options.cropNmsThresh))
}

/** As in the reference implementation, the box of an empty mask is 0, 0, 0, 0. */
const referenceBox = (mask: Mask): Box => (mask.width ? maskBox(mask) : { x0: 0, y0: 0, x1: 0, y1: 0 })

function recordOf(entry: CropMask, size: Size, { outputMode }: GeneratorOptions): MaskRecord {
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
    crop_box: regionToXYWH(crop),
  }
}
