/** @file The example images of an evaluation report: predictions are kept at reduced size and drawn when all are scored. */
import sharp from 'sharp'
import type { Size } from '../../engine/image/size'
import { type DatasetItem, loadItem } from '../dataset/dataset'
import type { Comparison } from '../evaluation/compare'
import type { EvaluatedImage, ImageResult } from '../evaluation/evaluate'
import type { PromptMode } from '../evaluation/segmenter'
import { type MeasureName, measures } from '../evaluation/measures'
import {
  colours,
  drawChanges,
  drawErrors,
  drawOutlines,
  pack,
  type Raster,
  rasterOfLabels,
  rasterOfMasks,
  shownSize,
  unpack,
} from '../drawing/raster'
import { formatValue } from './evaluation-table'
import { modelName } from './model-name'

/** Maximum length of the longer side of an example image, in pixels. */
const LONGEST = 640

/** Minimum IoU at which an automatically found mask is drawn as a match of its instance. */
const FOUND = 0.5

/** The measures shown with an image; images are ranked by the first one. */
export const exampleMeasures: Record<PromptMode, readonly [MeasureName, ...MeasureName[]]> = {
  point: ['instanceDice', 'dice'],
  box: ['instanceDice', 'dice'],
  corrected: ['instanceDice', 'dice'],
  auto: ['f1At50', 'countError'],
}

export interface Example {
  id: string
  prompt: PromptMode
  /** 'worst', 'median' or 'best' ('only' for a single image), by the given measure of the given model. */
  rank: string
  by: { measure: MeasureName; model: string }
  size: Size
  instances: number
  /** One text for each model. */
  scores: string[]
  pictures: { caption: string; uri: string }[]
}

/** The predictions for an image in one prompt mode. */
interface KeptImage {
  item: DatasetItem
  /** Labels of the instances that count. */
  ids: number[]
  /** Packed rasters of the predicted masks, by model. */
  masks: Map<string, Uint8Array>
}

export class ExampleCollector {
  private readonly kept = new Map<string, KeptImage>()

  /** Keeps the masks of an image at reduced size. */
  add(model: string, { item, sample, results }: EvaluatedImage): void {
    for (const { prompt, instances, masks, matches } of results) {
      const key = `${prompt} ${item.id}`
      const entry = this.kept.get(key) ?? { item, ids: instances.map(({ id }) => id), masks: new Map() }
      const values = prompt === 'auto' ? matchedValues(matches, masks.length) : undefined
      entry.masks.set(model, pack(rasterOfMasks(masks, sample, shownSize(sample, LONGEST), values)))
      this.kept.set(key, entry)
    }
  }

  /** For each prompt mode the worst, the median and the best image of the first model under test. */
  async examples({ models }: Comparison): Promise<Example[]> {
    const ranking = models.find(({ rival }) => !rival) ?? models[0]
    const examples: Example[] = []
    for (const { prompt, perImage } of ranking.evaluations) {
      const [measure] = exampleMeasures[prompt]
      // an image without instances that count has no value to rank by
      const rated = perImage.filter((image) => !Number.isNaN(image[measure]))
      const ranked = rated.sort((a, b) => a[measure] - b[measure])
      for (const [at, rank] of shownRanks(ranked.length)) {
        const { id, instances } = ranked[at]
        const scores = models.flatMap(({ name, evaluations }) => {
          const image = evaluations.find((one) => one.prompt === prompt)?.perImage.find((one) => one.id === id)
          if (!image) return []
          const values = exampleMeasures[prompt].map(
            (each) => `${measures[each].label} ${formatValue(each, image[each])}`,
          )
          return [`${name}: ${values.join(', ')}`]
        })
        const kept = this.kept.get(`${prompt} ${id}`)!
        const { width, height } = kept.item
        const by = { measure, model: ranking.name }
        const pictures = await draw(kept, models)
        examples.push({ id, prompt, rank, by, size: { width, height }, instances, scores, pictures })
      }
    }
    return examples
  }
}

/** The indices and names of the images to show, out of `count` images ranked from the worst. */
function shownRanks(count: number): [number, string][] {
  const last = count - 1
  if (count === 1) return [[0, 'only']]
  const named = new Map([
    [Math.floor(last / 2), 'median'],
    [0, 'worst'],
    [last, 'best'],
  ])
  return [...named].filter(([at]) => at >= 0 && at <= last).sort(([a], [b]) => a - b)
}

/** The raster value of each mask: that of the instance it matches, otherwise an unused one. */
function matchedValues({ maskOf, ious }: ImageResult['matches'], masks: number): number[] {
  const values = Array.from({ length: masks }, (_, m) => Math.min(65534, maskOf.length + 1 + m))
  maskOf.forEach((m, instance) => {
    if (m >= 0 && ious[instance] >= FOUND) values[m] = instance + 1
  })
  return values
}

async function draw({ item, ids, masks }: KeptImage, models: Comparison['models']): Promise<Example['pictures']> {
  const sample = await loadItem(item)
  const shown = shownSize(sample, LONGEST)
  const raw = { raw: { width: sample.width, height: sample.height, channels: 3 as const } }
  const image = new Uint8Array(
    await sharp(sample.rgb, raw)
      .resize({ ...shown, fit: 'fill' })
      .raw()
      .toBuffer(),
  )
  const truth = rasterOfLabels(sample.labels, sample, ids, shown)
  const pictures: Example['pictures'] = []
  const put = async (caption: string, onto: (rgb: Uint8Array) => void) => {
    const rgb = image.slice()
    onto(rgb)
    pictures.push({ caption, uri: await jpeg(rgb, shown) })
  }
  await put('Image', () => {})
  await put('Labels', (rgb) => drawOutlines(rgb, truth, colours.truth))
  const adapted: [string, Raster][] = []
  let base: Raster | null = null
  for (const { name, path, size } of models) {
    const packed = masks.get(name)
    if (!packed) continue
    const predicted = unpack(packed, shown)
    if (path !== null) adapted.push([name, predicted])
    else if (size !== null) base ??= predicted
    await put(modelName(name), (rgb) => {
      drawErrors(rgb, predicted, truth)
      drawOutlines(rgb, predicted, colours.predicted)
    })
  }
  for (const [name, after] of base ? adapted : [])
    await put(`Changes by ${name === 'adapted' ? 'the adapter' : name}`, (rgb) => drawChanges(rgb, base!, after, truth))
  return pictures
}

async function jpeg(rgb: Uint8Array, { width, height }: Size): Promise<string> {
  const raw = { width, height, channels: 3 as const }
  const bytes = await sharp(rgb, { raw }).jpeg({ quality: 84, chromaSubsampling: '4:4:4', mozjpeg: true }).toBuffer()
  return `data:image/jpeg;base64,${bytes.toString('base64')}`
}
