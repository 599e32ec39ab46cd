/** @file Measures images one after the other; an image that cannot be measured does not stop the rest. */
import type { PixelSize } from '../images/microscope/pixel-size'
import { messageOf, UserError } from '../host/errors'
import { count } from '../text/count'
import { contentOf, type ImageOutcome, keep, type OutcomeStore, recall } from './kept-images'
import type { Measured, MeasuredImage } from './measured-image'
import { measureMasks } from './particles'
import { pictureOf } from './picture'
import type { Masks, Source } from './sources/source'
import { type Stretch, stretchedHeight, stretchImage, stretchRuns } from './stretch'

export type { Measured, MeasuredImage, Unmeasured } from './measured-image'

/** Units, filters and what is reported. */
export interface MeasureOptions {
  /** Overrides the pixel sizes in files. */
  pixelSize: PixelSize | null
  /** Height of a pixel divided by its width on the sample: 1 for square pixels seen from above. */
  stretch: Stretch
  /** The largest number of images that get a picture in the report. */
  pictures: number
  onProgress?(done: number, name: string): void
  stop?(): boolean
  /** Where the outcome of each image is kept; one whose content has not changed since is not measured again. */
  store?: OutcomeStore
}

/**
 * Measures the particles of images, one image after the other.
 * @example
 * const { sources } = await findSources(['project'], { images: null, acceptedOnly: false })
 * const { images } = await measureSources(sources, { pixelSize: parsePixelSize('12 nm'), stretch: 1, pictures: 0 })
 */
export async function measureSources(sources: readonly Source[], options: MeasureOptions): Promise<Measured> {
  const { onProgress, stop } = options
  const result: Measured = { images: [], unmeasured: [], stopped: false }
  for (const [i, source] of sources.entries()) {
    if (stop?.()) return { ...result, stopped: true }
    onProgress?.(i, source.name)
    const outcome = await measureSource(source, options, result.images.length < options.pictures)
    if ('image' in outcome) result.images.push(outcome.image)
    else result.unmeasured.push(outcome.unmeasured)
    // yield to the event loop between images, for progress and Ctrl-C
    await new Promise((resolve) => setImmediate(resolve))
  }
  onProgress?.(sources.length, '')
  return result
}

async function measureSource(source: Source, options: MeasureOptions, withPicture: boolean): Promise<ImageOutcome> {
  const { pixelSize, stretch, store } = options
  const { name, group } = source
  try {
    const read = await source.read()
    if ('leftOut' in read) {
      const outcome = { unmeasured: { name, reason: read.leftOut, failed: false } }
      await keep(store, name, null, outcome)
      return outcome
    }
    const content = store ? contentOf(read, group) : ''
    const earlier = await recall(store, name, content)
    if (earlier) return earlier
    const { size, masks, gray } = stretch === 1 ? read : stretched(read, stretch)
    const { particles, covered, shared, withoutGaps } = measureMasks(size, masks, gray)
    const notes = [...read.notes]
    if (shared) notes.push(`masks overlap: ${count(shared, 'pixel is', 'pixels are')} in more than one`)
    if (withoutGaps) notes.push('the image is too large to measure gaps between particles; they are left empty')
    const image: MeasuredImage = {
      ...{ name, group, ...size, pixelSize: pixelSize ?? read.pixelSize, from: read.from },
      ...{ particles, covered, shared, notes },
      picture: withPicture ? await pictureOf(masks, gray) : null,
    }
    await keep(store, name, content, { image })
    return { image }
  } catch (error) {
    if (!(error instanceof UserError) && !(error instanceof RangeError)) throw error
    const outcome = { unmeasured: { name, reason: messageOf(error), failed: true } }
    await keep(store, name, null, outcome)
    return outcome
  }
}

function stretched({ size, masks, gray }: Masks, stretch: Stretch): Pick<Masks, 'size' | 'masks' | 'gray'> {
  return {
    size: { width: size.width, height: stretchedHeight(size.height, stretch) },
    masks: masks.map(({ runs, ...mask }) => ({ ...mask, runs: stretchRuns(runs, size, stretch) })),
    gray: gray && stretchImage(gray, stretch),
  }
}
