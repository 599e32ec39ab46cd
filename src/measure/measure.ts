/** @file Measures images one after the other; an image that cannot be measured does not stop the rest. */
import type { PixelSize } from '../images/microscope/pixel-size'
import { messageOf, UserError } from '../host/errors'
import { count } from '../text/count'
import { measureMasks, type Particle } from './particles'
import { type Picture, pictureOf } from './picture'
import type { Masks, Source } from './sources/source'
import { type Stretch, stretchedHeight, stretchImage, stretchRuns } from './stretch'

/** An image with its particles; all lengths are in pixels. */
export interface MeasuredImage {
  name: string
  group: string
  width: number
  height: number
  pixelSize: PixelSize | null
  /** The kind of masks: 'labels', 'proposals', 'review, accepted' … */
  from: string
  particles: Particle[]
  /** The number of pixels covered by particles. */
  covered: number
  /** The sum of the particles' areas minus `covered`: more than 0 if particles overlap. */
  shared: number
  notes: string[]
  /** For the report; null for images beyond the number of pictures asked for. */
  picture: Picture | null
}

/** An image that was not measured, and why. */
export interface Unmeasured {
  name: string
  reason: string
  /** True if the image could not be read; false if it was excluded on purpose. */
  failed: boolean
}

/** The particles of some images, and what was noticed. */
export interface Measured {
  images: MeasuredImage[]
  unmeasured: Unmeasured[]
  /** Whether the user stopped the run. */
  stopped: boolean
}

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
}

/** Measures the particles of images, one image after the other. */
export async function measureSources(sources: readonly Source[], options: MeasureOptions): Promise<Measured> {
  const { pixelSize, stretch, pictures, onProgress, stop } = options
  const result: Measured = { images: [], unmeasured: [], stopped: false }
  for (const [i, source] of sources.entries()) {
    if (stop?.()) return { ...result, stopped: true }
    const { name } = source
    onProgress?.(i, name)
    try {
      const read = await source.read()
      if ('leftOut' in read) result.unmeasured.push({ name, reason: read.leftOut, failed: false })
      else {
        const { size, masks, gray } = stretch === 1 ? read : stretched(read, stretch)
        const { particles, covered, shared, withoutGaps } = measureMasks(size, masks, gray)
        const notes = [...read.notes]
        if (shared) notes.push(`masks overlap: ${count(shared, 'pixel is', 'pixels are')} in more than one`)
        if (withoutGaps) notes.push('the image is too large to measure gaps between particles; they are left empty')
        result.images.push({
          ...{ name, group: source.group, ...size, pixelSize: pixelSize ?? read.pixelSize, from: read.from },
          ...{ particles, covered, shared, notes },
          picture: result.images.length < pictures ? await pictureOf(masks, gray) : null,
        })
      }
    } catch (error) {
      if (!(error instanceof UserError) && !(error instanceof RangeError)) throw error
      result.unmeasured.push({ name, reason: messageOf(error), failed: true })
    }
    // yield to the event loop between images, for progress and Ctrl-C
    await new Promise((resolve) => setImmediate(resolve))
  }
  onProgress?.(sources.length, '')
  return result
}

function stretched({ size, masks, gray }: Masks, stretch: Stretch): Pick<Masks, 'size' | 'masks' | 'gray'> {
  return {
    size: { width: size.width, height: stretchedHeight(size.height, stretch) },
    masks: masks.map(({ runs, ...mask }) => ({ ...mask, runs: stretchRuns(runs, size, stretch) })),
    gray: gray && stretchImage(gray, stretch),
  }
}
