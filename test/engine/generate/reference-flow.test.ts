/** @file Reference mode on a toy model, compared with a plain version of the reference's generator on whole masks. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MaskGenerator } from '../../../engine/generate/generator'
import { type GeneratorOptions, checkGeneratorOptions } from '../../../engine/generate/generator-options'
import type { MaskRecord } from '../../../engine/generate/reference-record'
import { decodeRle, type Rle } from '../../../engine/masks/rle'
import { Predictor } from '../../../engine/sam/predictor'
import { resizeLongest, upscaleLogits } from '../../../engine/image/model-input'
import { randoms } from '../../support/random'
import { openToy } from '../../support/toy'

const model = await openToy('toy_vit', 64)

/** A gray picture of a few soft discs. */
function picture(width: number, height: number, seed: number) {
  const next = randoms(seed)
  const discs = Array.from({ length: 9 }, () => [(next() + 1) / 2, (next() + 1) / 2, 0.05 + 0.1 * Math.abs(next())])
  const rgb = new Uint8Array(width * height * 3)
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [(i % width) / width, Math.floor(i / width) / height]
    const inside = discs.some(([a, b, r]) => Math.hypot(x - a, y - b) < r)
    rgb.fill((inside ? 190 : 60) + 30 * next(), 3 * i, 3 * i + 3)
  }
  return { width, height, rgb }
}

interface Plain {
  mask: Uint8Array
  box: number[]
  crop: number[]
  iou: number
  stability: number
  point: number[]
}

const predictors = new Map<string, Predictor>()

/** The reference generator, written for whole binary masks. */
async function plainFlow(image: ReturnType<typeof picture>, o: GeneratorOptions): Promise<Plain[]> {
  const { width: W, height: H } = image
  const predictor = predictors.get('one') ?? (await Predictor.create(model, { prompts: 8, slots: 2 }))
  predictors.set('one', predictor)
  // crops
  const crops: { box: number[]; layer: number }[] = [{ box: [0, 0, W, H], layer: 0 }]
  for (let i = 0; i < o.cropNLayers; i++) {
    const n = 2 ** (i + 1)
    const overlap = Math.trunc(o.cropOverlapRatio * Math.min(W, H) * (2 / n))
    const cw = Math.ceil((overlap * (n - 1) + W) / n)
    const ch = Math.ceil((overlap * (n - 1) + H) / n)
    for (let a = 0; a < n; a++)
      for (let b = 0; b < n; b++) {
        const x0 = (cw - overlap) * a
        const y0 = (ch - overlap) * b
        crops.push({ box: [x0, y0, Math.min(x0 + cw, W), Math.min(y0 + ch, H)], layer: i + 1 })
      }
  }
  let data: Plain[] = []
  for (const { box: crop, layer } of crops) {
    const [w, h] = [crop[2] - crop[0], crop[3] - crop[1]]
    const part = new Uint8Array(w * h * 3)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++)
        for (let c = 0; c < 3; c++) part[3 * (y * w + x) + c] = image.rgb[3 * ((y + crop[1]) * W + x + crop[0]) + c]
    const valid = resizeLongest(w, h, 64)
    predictor.setImage({ width: w, height: h, rgb: part })
    const n = Math.trunc(o.pointsPerSide / o.cropNPointsDownscaleFactor ** layer)
    const points: number[][] = []
    for (let y = 0; y < n; y++) for (let x = 0; x < n; x++) points.push([((x + 0.5) / n) * w, ((y + 0.5) / n) * h])
    const scaled = points.flatMap(([x, y]) => [(x * valid.width) / w, (y * valid.height) / h, 0, 0])
    const { logits, iou } = await predictor.predict({
      coords: Float32Array.from(scaled),
      labels: Int32Array.from(points.flatMap(() => [1, -1])),
    })
    const side = model.maskSide
    let own: Plain[] = []
    points.forEach((point, p) => {
      for (const token of [1, 2, 3]) {
        const score = iou[4 * p + token]
        if (o.predIouThresh > 0 && !(score > o.predIouThresh)) continue
        const low = logits.subarray((4 * p + token) * side * side, (4 * p + token + 1) * side * side)
        const values = upscaleLogits(low, { width: side, height: side }, 64, valid, { width: w, height: h })
        const over = (t: number) => values.reduce((sum, v) => sum + (v > t ? 1 : 0), 0)
        const stability =
          over(o.maskThreshold + o.stabilityScoreOffset) / over(o.maskThreshold - o.stabilityScoreOffset)
        if (!(stability >= o.stabilityScoreThresh)) continue
        const mask = new Uint8Array(W * H)
        values.forEach(
          (v, i) => (mask[(Math.floor(i / w) + crop[1]) * W + (i % w) + crop[0]] = v > o.maskThreshold ? 1 : 0),
        )
        const box = boxOf(mask, W)
        if (!box) continue
        const edges = [0, 0, W, H]
        if (box.some((e, k) => Math.abs(e - crop[k]) <= 20 && Math.abs(e - edges[k]) > 20)) continue
        own.push({ mask, box, crop, iou: score, stability, point: [point[0] + crop[0], point[1] + crop[1]] })
      }
    })
    own = nms(own, (e) => e.iou, o.boxNmsThresh)
    data.push(...own)
  }
  if (crops.length > 1) data = nms(data, ({ crop }) => 1 / ((crop[2] - crop[0]) * (crop[3] - crop[1])), o.cropNmsThresh)
  if (!o.minMaskRegionArea) return data
  const changed = new Map<Plain, boolean>()
  data = data.map((e) => {
    const holes = mend(e.mask, W, H, 0, o.minMaskRegionArea)
    const islands = mend(holes.mask, W, H, 1, o.minMaskRegionArea)
    const out = { ...e, mask: islands.mask, box: boxOf(islands.mask, W) ?? [0, 0, 0, 0] }
    changed.set(out, holes.changed || islands.changed)
    return out
  })
  return nms(data, (e) => (changed.get(e) ? 0 : 1), Math.max(o.boxNmsThresh, o.cropNmsThresh))
}

function boxOf(mask: Uint8Array, width: number): number[] | null {
  const at = [...mask.keys()].filter((i) => mask[i])
  if (!at.length) return null
  const [xs, ys] = [at.map((i) => i % width), at.map((i) => Math.floor(i / width))]
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]
}

function nms(entries: Plain[], score: (e: Plain) => number, threshold: number): Plain[] {
  const left = [...entries]
  const kept: Plain[] = []
  while (left.length) {
    let best = 0
    left.forEach((e, i) => score(e) > score(left[best]) && (best = i))
    const [a] = left.splice(best, 1)
    kept.push(a)
    for (let i = left.length - 1; i >= 0; i--) {
      const b = left[i].box
      const w = Math.max(0, Math.min(a.box[2], b[2]) - Math.max(a.box[0], b[0]))
      const h = Math.max(0, Math.min(a.box[3], b[3]) - Math.max(a.box[1], b[1]))
      const area = (c: number[]) => (c[2] - c[0]) * (c[3] - c[1])
      if ((w * h) / (area(a.box) + area(b) - w * h) > threshold) left.splice(i, 1)
    }
  }
  return kept
}

/**
 * Flips 8-connected components of the value `wanted` that are smaller than `area`. If all islands (1) are, the first largest
 * is kept, and the mask counts as changed.
 */
function mend(mask: Uint8Array, W: number, H: number, wanted: number, area: number) {
  const region = new Int32Array(W * H).fill(-1)
  const members: number[][] = []
  for (let start = 0; start < mask.length; start++) {
    if (mask[start] !== wanted || region[start] >= 0) continue
    const all = [start]
    region[start] = members.length
    for (let k = 0; k < all.length; k++)
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++) {
          const [x, y] = [(all[k] % W) + dx, Math.floor(all[k] / W) + dy]
          if (x < 0 || y < 0 || x >= W || y >= H || mask[y * W + x] !== wanted || region[y * W + x] >= 0) continue
          region[y * W + x] = members.length
          all.push(y * W + x)
        }
    members.push(all)
  }
  const small = members.filter((m) => m.length < area)
  const changed = small.length > 0
  if (wanted && small.length === members.length) {
    const largest = Math.max(...members.map((m) => m.length))
    small.splice(
      small.findIndex((m) => m.length === largest),
      1,
    )
  }
  const out = mask.slice()
  for (const m of small) for (const i of m) out[i] = 1 - wanted
  return { mask: out, changed }
}

/** Both sides have the same masks, except for pixels at the threshold, in the same order with the same numbers. */
function compare(records: MaskRecord[], plain: Plain[], width: number): void {
  assert.is(records.length, plain.length, 'number of records')
  records.forEach((r, i) => {
    const e = plain[i]
    const mask = decodeRle(r.segmentation as Rle)
    const off = mask.reduce((sum, v, k) => sum + (v === e.mask[k] ? 0 : 1), 0)
    const area = e.mask.reduce((a, b) => a + b, 0)
    assert.ok(off <= 0.01 * area, `record ${i}: ${off} of ${area} pixels differ`)
    assert.is(
      r.area,
      mask.reduce((a, b) => a + b, 0),
    )
    const box = boxOf(mask, width)!
    assert.equal(r.bbox, [box[0], box[1], box[2] - box[0], box[3] - box[1]], 'the box is the mask’s')
    assert.ok(Math.abs(r.predicted_iou - e.iou) < 1e-4)
    assert.ok(Math.abs(r.stability_score - e.stability) < 0.01)
    assert.ok(r.point_coords.length === 1 && r.point_coords[0].every((c, k) => Math.abs(c - e.point[k]) < 1e-9))
    assert.equal(r.crop_box, [e.crop[0], e.crop[1], e.crop[2] - e.crop[0], e.crop[3] - e.crop[1]])
  })
}

async function both(
  image: ReturnType<typeof picture>,
  given: Partial<GeneratorOptions>,
  least = 2,
): Promise<MaskRecord[]> {
  const options = { pointsPerBatch: 8, outputMode: 'uncompressed_rle', ...given } as const
  const generator = await MaskGenerator.create(model, options)
  const records = await generator.reference(image)
  const plain = await plainFlow(image, checkGeneratorOptions(options))
  assert.ok(plain.length >= least, `the case shows something: ${plain.length} records`)
  compare(records, plain, image.width)
  generator.destroy()
  return records
}

// the toy model's logits are noise: at this threshold its masks are specks of all sizes
const open = {
  pointsPerSide: 5,
  predIouThresh: 0,
  stabilityScoreThresh: 0.02,
  stabilityScoreOffset: 0.05,
  maskThreshold: 1.2,
  boxNmsThresh: 0.9,
}

test('a grid on a wide and on a high image', async () => {
  await both(picture(150, 101, 1), open)
  await both(picture(75, 133, 2), open)
})

test('thresholds of predicted IoU, stability and boxes', async () => {
  const image = picture(120, 96, 3)
  const loose = { ...open, maskThreshold: 0.5, boxNmsThresh: 1 }
  const all = await both(image, loose)
  const fewer = async (over: Partial<GeneratorOptions>) => {
    const { length } = await both(image, { ...loose, ...over })
    assert.ok(length < all.length, `${JSON.stringify(over)}: ${length} of ${all.length}`)
  }
  await fewer({ predIouThresh: 0.1 })
  await fewer({ stabilityScoreThresh: 0.8 })
  await fewer({ boxNmsThresh: 0.9 })
})

test('crops of two layers with fewer points each', async () => {
  const records = await both(picture(140, 110, 4), {
    ...open,
    cropNLayers: 2,
    cropNPointsDownscaleFactor: 2,
    pointsPerSide: 4,
  })
  assert.ok(new Set(records.map((r) => String(r.crop_box))).size > 1, 'several crops have records')
})

test('small regions', async () => {
  for (const area of [4, 60, 1000]) await both(picture(110, 90, 5), { ...open, minMaskRegionArea: area })
})

test('another mask threshold', async () => {
  await both(picture(110, 90, 6), { ...open, maskThreshold: 2, stabilityScoreOffset: 0.5 })
})

test('the three encodings hold the same masks', async () => {
  const image = picture(60, 50, 7)
  const [binary, uncompressed, coco] = await Promise.all(
    (['binary_mask', 'uncompressed_rle', 'coco_rle'] as const).map(async (outputMode) => {
      const generator = await MaskGenerator.create(model, { ...open, outputMode })
      const records = await generator.reference(image)
      generator.destroy()
      return records.map((r) => r.segmentation)
    }),
  )
  assert.ok(binary.length > 0)
  binary.forEach((mask, i) => {
    assert.equal(decodeRle(uncompressed[i] as Rle), mask)
    assert.equal(decodeRle(coco[i] as Rle), mask)
    assert.type((coco[i] as Rle).counts, 'string')
  })
})

test('no mask, no records; a tiny image can have crops', async () => {
  const generator = await MaskGenerator.create(model, { ...open, maskThreshold: 100 })
  assert.equal(await generator.reference(picture(40, 30, 8)), [])
  generator.destroy()
  for (const [w, h] of [
    [1, 1],
    [1, 9],
    [5, 3],
  ])
    await both(picture(w, h, 9), { ...open, pointsPerSide: 2 }, 0)
  const crops = await MaskGenerator.create(model, { ...open, pointsPerSide: 2, cropNLayers: 2 })
  for (const [w, h] of [
    [1, 1],
    [3, 2],
  ])
    await crops.reference(picture(w, h, 9))
  crops.destroy()
})

test('an image that does not fit its size is refused; an aborted run throws the reason', async () => {
  const generator = await MaskGenerator.create(model, { ...open, pointsPerBatch: 4 })
  const refused = (image: { width: number; height: number; rgb: Uint8Array }) =>
    generator.reference(image).then(
      () => 'it was not refused',
      (error: Error) => error.message,
    )
  assert.match(await refused({ width: 4, height: 4, rgb: new Uint8Array(47) }), /has 48 bytes, not 47/)
  assert.match(await refused({ width: 0, height: 4, rgb: new Uint8Array(0) }), /whole numbers from 1/)
  const stop = new AbortController()
  const run = generator.reference(picture(60, 50, 7), {
    signal: stop.signal,
    onProgress: () => stop.abort(new Error('enough')),
  })
  await run.then(
    () => assert.unreachable('it continued'),
    (error: Error) => assert.is(error.message, 'enough'),
  )
  generator.destroy()
})

test.run()
