/** @file Measures images one after the other; one that cannot be measured never stops the rest. */
import type { PixelSize } from '../images/microscope/pixel-size'
import { UserError } from '../host/errors'
import { measureMasks, type Particle } from './particles'
import type { Source } from './sources/source'

/** An image with its particles, in pixels. */
export interface MeasuredImage {
  name: string
  group: string
  width: number
  height: number
  pixelSize: PixelSize | null
  /** What the masks are: 'labels', 'proposals', 'review, accepted' … */
  from: string
  particles: Particle[]
  /** Pixels of particles, each counted once; and by how much the sum of their areas is more. */
  covered: number
  shared: number
  notes: string[]
}

/** An image that was not measured. */
export interface Unmeasured {
  name: string
  reason: string
  /** Whether it should have been: it cannot be read. */
  failed: boolean
}

export interface Measured {
  images: MeasuredImage[]
  unmeasured: Unmeasured[]
  /** Whether the user stopped it. */
  stopped: boolean
}

export interface MeasureOptions {
  /** Counts more than what files say. */
  pixelSize: PixelSize | null
  onProgress?(done: number, name: string): void
  stop?(): boolean
}

export async function measureSources(sources: readonly Source[], options: MeasureOptions): Promise<Measured> {
  const { pixelSize, onProgress, stop } = options
  const result: Measured = { images: [], unmeasured: [], stopped: false }
  for (const [i, source] of sources.entries()) {
    if (stop?.()) return { ...result, stopped: true }
    const { name } = source
    onProgress?.(i, name)
    try {
      const read = await source.read()
      if ('leftOut' in read) result.unmeasured.push({ name, reason: read.leftOut, failed: false })
      else {
        const { particles, covered, shared, withoutGaps } = measureMasks(read.size, read.masks, read.gray)
        const notes = [...read.notes]
        if (shared) notes.push(`masks overlap: ${shared} pixels are in more than one`)
        if (withoutGaps) notes.push('the image is too large for the gaps between borders; they are left empty')
        result.images.push({
          ...{ name, group: source.group, ...read.size, pixelSize: pixelSize ?? read.pixelSize, from: read.from },
          ...{ particles, covered, shared, notes },
        })
      }
    } catch (error) {
      if (!(error instanceof UserError) && !(error instanceof RangeError)) throw error
      result.unmeasured.push({ name, reason: error.message, failed: true })
    }
    // progress and Ctrl-C get their turn between images
    await new Promise((resolve) => setImmediate(resolve))
  }
  onProgress?.(sources.length, '')
  return result
}
