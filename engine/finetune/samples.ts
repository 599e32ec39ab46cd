/** @file Labelled images as an embedder has them, as the pixels and labels that training reads. */
import type { MeasuredImage } from '../augment/auto-magnification'
import { particleStatistics } from '../augment/magnification'
import type { Engine } from '../device/engine'
import type { LabelMap } from '../image/label-map'
import type { Sample } from '../image/sample'
import type { Size } from '../image/size'
import { boxes } from '../masks/instances'
import type { Mask } from '../masks/mask'
import { labelMap } from '../masks/paint-label-map'
import { type CompressedRle, decodeMask } from '../masks/rle'
import { type ImageSource, readPixels } from '../segment/image-source'
import { SettingError } from '../setting-error'

/**
 * A labelled image: `image` in any form that `Segmenter.segment` takes, with a label map of its size, or with one mask for each
 * particle. Masks may overlap; a pixel in several belongs to the smallest.
 */
export type TrainingSample = { image: ImageSource } & (
  { labels: LabelMap } | { masks: readonly (Mask | CompressedRle)[] }
)

/** An image with its labels in memory. */
export interface LabelledImage extends Sample, MeasuredImage {
  /** Its place in the list, which stands for it in the order of the batches. */
  id: string
}

/**
 * Reads samples one after the other.
 * @param what names the list in messages
 * @throws SettingError if an image cannot be read, its labels do not fit it, or none has a particle · the signal's reason
 */
export async function readSamples(
  engine: Engine,
  samples: readonly TrainingSample[],
  what: string,
  signal?: AbortSignal,
): Promise<LabelledImage[]> {
  const read: LabelledImage[] = []
  if (!Array.isArray(samples)) throw new SettingError(`${what} must be a list of { image, labels } or { image, masks }`)
  for (const [i, sample] of samples.entries()) {
    signal?.throwIfAborted()
    try {
      read.push(await readSample(engine, sample, String(i)))
    } catch (error) {
      engine.check()
      throw new SettingError(`${what}, image ${i + 1}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (read.length && !read.some(({ particles }) => particles))
    throw new SettingError(`${what}: no image has a particle of at least 16 pixels to learn from`)
  return read
}

async function readSample(engine: Engine, sample: TrainingSample, id: string): Promise<LabelledImage> {
  const { width, height, rgb } = await readPixels(engine, sample.image)
  const { labels: map, masks } = sample as { labels?: LabelMap; masks?: readonly (Mask | CompressedRle)[] }
  if (!map && !Array.isArray(masks))
    throw new Error('it has no labels: give `labels`, a label map of its size, or `masks`, one for each particle')
  const labels = map ?? paint(masks!, { width, height })
  if (labels.width !== width || labels.height !== height)
    throw new Error(`its labels are ${labels.width}x${labels.height}, the picture is ${width}x${height}`)
  if (!(labels.data instanceof Uint16Array) || labels.data.length !== width * height)
    throw new Error(`its label map must be a Uint16Array of ${width * height} values`)
  return labelledImage(id, { width, height, rgb, labels: labels.data })
}

/** A sample with what is measured of it. */
export const labelledImage = (id: string, sample: Sample): LabelledImage => ({
  id,
  ...sample,
  ...particleStatistics(boxes({ ...sample, data: sample.labels })),
})

function paint(masks: readonly (Mask | CompressedRle)[], size: Size): LabelMap {
  const decoded = masks.map((mask, i) => {
    if (!('counts' in mask)) return mask
    const [height, width] = mask.size
    if (width !== size.width || height !== size.height)
      throw new Error(`mask ${i + 1} is of an image of ${width}x${height}, the picture is ${size.width}x${size.height}`)
    return decodeMask(mask)
  })
  return labelMap(decoded, size)
}
