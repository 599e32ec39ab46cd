/** @file The reference's flow from an image to its records, step by step. */
import { type Mask, emptyMask } from '../masks/mask'
import { type PackedMask, unpackMask } from '../masks/bit-mask'
import { dropIslands, fillHoles } from '../masks/holes-islands'
import { compressCounts, maskCounts } from '../masks/rle'
import type { Size } from '../image/transforms'
import type { Box } from './candidate'
import { cropsOf, isCut } from './crops'
import type { FoundMask } from './found-mask'
import { boxNms } from './nms'
import type { GeneratorOptions } from './generator-options'
import { type Point, layerPoints } from './point-grid'
import type { MaskRecord } from './reference-record'
import type { RgbImage } from '../image/rgb-image'
import type { GenerateHooks, RegionRunner } from './region-runner'

interface Entry {
  /** Its pixels, in the crop. */
  bits: PackedMask
  /** Of the mask in the crop. */
  inner: Box
  /** In the image. */
  box: Box
  crop: Box
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
  const crops = cropsOf(image, options).map(({ box, layer }) => {
    const size = { width: box[2] - box[0], height: box[3] - box[1] }
    return { box, points: layerPoints(options, layer, size) }
  })
  const total = crops.reduce((sum, { points }) => sum + points.length, 0)
  let done = 0
  let entries: Entry[] = []
  for (const { box: crop, points } of crops) {
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
      const point: Point = [x + crop[0], y + crop[1]]
      entries.push({ bits, inner: box, box: moved(box, crop), crop, predictedIou, stability, point })
    }
  }
  if (crops.length > 1) {
    const scores = entries.map(({ crop }) => Math.fround(1 / ((crop[2] - crop[0]) * (crop[3] - crop[1]))))
    entries = suppress(entries, scores, options.cropNmsThresh)
  }
  if (options.minMaskRegionArea > 0) entries = mendRegions(entries, image, options)
  return entries.map((entry) => recordOf(entry, image, options))
}

const moved = ([x0, y0, x1, y1]: Box, [dx, dy]: Box): Box => [x0 + dx, y0 + dy, x1 + dx, y1 + dy]

const suppress = (entries: readonly Entry[], scores: readonly number[], threshold: number): Entry[] =>
  boxNms(
    entries.map(({ box }) => box),
    scores,
    threshold,
  ).map((i) => entries[i])

const maskOf = ({ bits, inner, crop, mended }: Entry): Mask => {
  if (mended) return mended
  const mask = unpackMask(bits, inner)
  return { ...mask, x0: mask.x0 + crop[0], y0: mask.y0 + crop[1] }
}

/** Fills small holes, drops small islands, and suppresses again: masks that needed no change before those that did. */
function mendRegions(entries: readonly Entry[], size: Size, options: GeneratorOptions): Entry[] {
  const area = options.minMaskRegionArea
  const scores: number[] = []
  const all = entries.map((entry): Entry => {
    const mask = maskOf(entry)
    const mended = dropIslands(fillHoles(mask, size, area), area)
    scores.push(mended === mask ? 1 : 0)
    return mended === mask ? entry : { ...entry, mended, box: boxOf(mended) }
  })
  return suppress(all, scores, Math.max(options.boxNmsThresh, options.cropNmsThresh))
}

function boxOf(mask: Mask): Box {
  if (mask === emptyMask) return [0, 0, 0, 0]
  return [mask.x0, mask.y0, mask.x0 + mask.width - 1, mask.y0 + mask.height - 1]
}

function recordOf(entry: Entry, size: Size, { outputMode }: GeneratorOptions): MaskRecord {
  const { box, crop, predictedIou, stability, point } = entry
  const mask = maskOf(entry)
  const counts = maskCounts(mask, size)
  const whole: [number, number] = [size.height, size.width]
  const segmentation =
    outputMode === 'binary_mask'
      ? binary(mask, size)
      : { size: whole, counts: outputMode === 'coco_rle' ? compressCounts(counts) : counts }
  return {
    segmentation,
    area: counts.reduce((sum, run, i) => (i & 1 ? sum + run : sum), 0),
    bbox: [box[0], box[1], box[2] - box[0], box[3] - box[1]],
    predicted_iou: predictedIou,
    point_coords: [point],
    stability_score: stability,
    crop_box: [crop[0], crop[1], crop[2] - crop[0], crop[3] - crop[1]],
  }
}

function binary({ x0, y0, width, height, data }: Mask, size: Size): Uint8Array {
  const whole = new Uint8Array(size.width * size.height)
  for (let y = 0; y < height; y++) whole.set(data.subarray(y * width, (y + 1) * width), (y0 + y) * size.width + x0)
  return whole
}
