/** @file Pictures of a few images before and after: kept small while a comparison runs, drawn once it is over. */
import sharp from 'sharp'
import type { Size } from '../../engine/sam/transforms'
import { type DatasetItem, loadItem } from '../data/dataset'
import type { Comparison, Variant } from '../evaluation/compare'
import type { EvaluatedImage, EvaluationPrompt } from '../evaluation/evaluate'
import { colours, drawErrors, drawOutlines, pack, rasterOfLabels, rasterOfMasks, shownSize, unpack } from './raster'

/** Longest side of a picture, pixels. */
const LONGEST = 640

export interface Figure {
  id: string
  /** 'worst', 'median', 'best'. */
  rank: string
  prompt: EvaluationPrompt
  size: Size
  instances: number
  /** Dice of each variant, 0 to 1. */
  scores: Partial<Record<Variant, { dice: number; instanceDice: number }>>
  pictures: { caption: string; uri: string }[]
}

interface Kept {
  item: DatasetItem
  ids: number[]
  /** Packed rasters. */
  masks: Partial<Record<Variant, Uint8Array>>
}

export class FigureKeeper {
  private readonly kept = new Map<string, Kept>()

  constructor(readonly prompt: EvaluationPrompt = 'point') {}

  /** Takes an image's masks as a comparison goes by. */
  add(variant: Variant, { item, sample, instances, results }: EvaluatedImage): void {
    const result = results.find(({ prompt }) => prompt === this.prompt)
    if (!result) return
    const entry = this.kept.get(item.id) ?? { item, ids: instances.map(({ id }) => id), masks: {} }
    entry.masks[variant] = pack(rasterOfMasks(result.masks, sample, shownSize(sample, LONGEST)))
    this.kept.set(item.id, entry)
  }

  /** The worst, the median and the best image by the Dice of the adapted model's masks (or the base's alone). */
  async figures(comparison: Comparison): Promise<Figure[]> {
    const of = (variant: Variant) => comparison[variant]?.find(({ prompt }) => prompt === this.prompt)?.perImage ?? []
    const ranked = [...of(comparison.adapted ? 'adapted' : 'base')].sort((a, b) => a.dice - b.dice)
    const last = ranked.length - 1
    const places = new Map([
      [0, 'worst'],
      [last, 'best'],
      [Math.floor(last / 2), 'median'],
    ])
    const chosen = [...places].filter(([at]) => at >= 0 && at <= last).sort(([a], [b]) => a - b)
    return Promise.all(
      chosen.map(async ([at, rank]) => {
        const { id } = ranked[at]
        const scores: Figure['scores'] = {}
        for (const variant of ['base', 'adapted'] as const) {
          const found = of(variant).find((image) => image.id === id)
          if (found) scores[variant] = { dice: found.dice, instanceDice: found.instanceDice }
        }
        const kept = this.kept.get(id)!
        const { width, height } = kept.item
        const { prompt } = this
        const size = { width, height }
        return { id, rank, prompt, size, instances: kept.ids.length, scores, pictures: await draw(kept) }
      }),
    )
  }
}

async function draw({ item, ids, masks }: Kept): Promise<Figure['pictures']> {
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
  const outlined = image.slice()
  drawOutlines(outlined, truth, colours.truth)
  const pictures = [
    { caption: 'Image', uri: await jpeg(image, shown) },
    { caption: 'Labels', uri: await jpeg(outlined, shown) },
  ]
  for (const variant of ['base', 'adapted'] as const) {
    const packed = masks[variant]
    if (!packed) continue
    const predicted = unpack(packed, shown)
    const picture = image.slice()
    drawErrors(picture, predicted, truth)
    drawOutlines(picture, predicted, colours.predicted)
    pictures.push({ caption: variant === 'base' ? 'Base model' : 'Adapted model', uri: await jpeg(picture, shown) })
  }
  return pictures
}

async function jpeg(rgb: Uint8Array, { width, height }: Size): Promise<string> {
  const raw = { width, height, channels: 3 as const }
  const bytes = await sharp(rgb, { raw }).jpeg({ quality: 84, chromaSubsampling: '4:4:4', mozjpeg: true }).toBuffer()
  return `data:image/jpeg;base64,${bytes.toString('base64')}`
}
