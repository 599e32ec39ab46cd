/** @file Pictures of a validation for experiment trackers: an image's labels, and the predicted masks of each kind of prompt. */
import sharp from 'sharp'
import type { EvaluatedImage } from '../evaluation/evaluate'
import { colours, drawErrors, drawOutlines, rasterOfLabels, rasterOfMasks, shownSize } from '../drawing/raster'

/** Longest side of each of the images in a picture, pixels. */
const LONGEST = 384

export interface ValidationPicture {
  /** Bytes of a PNG file: labels and predictions side by side. */
  png: Uint8Array
  width: number
  height: number
  caption: string
}

/**
 * Draws the outlines of the labels, and for each kind of prompt the outlines of the masks, with missed, superfluous and
 * confused areas tinted.
 */
export async function validationPicture({ item, sample, results }: EvaluatedImage): Promise<ValidationPicture> {
  const shown = shownSize(sample, LONGEST)
  const { width, height } = shown
  const plain = await sharp(sample.rgb, { raw: { width: sample.width, height: sample.height, channels: 3 } })
    .resize({ ...shown, fit: 'fill' })
    .raw()
    .toBuffer()
  const parts: Uint8Array[] = []
  for (const [i, { masks, instances }] of results.entries()) {
    const ids = instances.map(({ id }) => id)
    const truth = rasterOfLabels(sample.labels, sample, ids, shown)
    if (i === 0) {
      const labelled = new Uint8Array(plain)
      drawOutlines(labelled, truth, colours.truth)
      parts.push(labelled)
    }
    const picture = new Uint8Array(plain)
    const predicted = rasterOfMasks(masks, sample, shown)
    drawErrors(picture, predicted, truth)
    drawOutlines(picture, predicted, colours.predicted)
    parts.push(picture)
  }
  const raw = { width, height, channels: 3 as const }
  const whole = { width: width * parts.length, height }
  const png = await sharp({ create: { ...whole, channels: 3, background: '#000' } })
    .composite(parts.map((data, i) => ({ input: Buffer.from(data), raw, left: i * width, top: 0 })))
    .png()
    .toBuffer()
  const prompts = results.map(({ prompt }) => `${prompt} prompts`)
  return { png, ...whole, caption: `${item.id}: labels, ${prompts.join(', ')}` }
}
