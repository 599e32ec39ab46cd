/** @file Masks of prompts on images, in pixels of the image: the part of the engine that an interactive page or a service needs. */
import type { RgbImage } from '../image/rgb-image'
import { Predictor } from '../sam/predictor'
import type { SamModel } from '../sam/sam-model'
import { checkDiameter, type ScaleSettings } from '../scale/scale-settings'
import { SettingError } from '../setting-error'
import { type PromptedMask, TiledPredictor } from '../scale/tiled-predictor'
import { checkedPrompt, type SegmentPrompt } from './segment-prompt'
import { type ImageSource, readPixels } from './image-source'

/** Options of one call of `Segmenter.segment`. */
export interface SegmentOptions {
  /** Up to three masks, the highest predicted IoU first, instead of one. */
  multimask?: boolean
  /** Ends the call before its next pass; it then throws the signal's reason. */
  signal?: AbortSignal
  /** If a later call comes before this one has begun, this one throws SupersededError instead of computing its masks. */
  latest?: boolean
  /** The scale at which the image is seen; by default the whole image at the model's input. */
  scale?: ScaleSettings
}

/**
 * A call with `latest` that a later call has made unnecessary.
 * @example
 * canvas.onpointermove = async ({ offsetX: x, offsetY: y }) => {
 *   const answer = segmenter.segment(image, { points: [{ x, y }] }, { latest: true })
 *   const masks = await answer.catch((error) => (error instanceof SupersededError ? null : Promise.reject(error)))
 *   if (masks) draw(masks[0].mask)
 * }
 */
export class SupersededError extends Error {
  override name = 'SupersededError'
}

/** Options of a segmenter. */
export interface SegmenterOptions {
  /** Points and box corners of a prompt, at most: 16 by default. */
  slots?: number
  /** Whether prompts may have a mask, which takes the memory of a second decoder: false by default. */
  masks?: boolean
}

/**
 * Answers prompts on images with masks, one call after another. The image of the last call stays encoded, so that each further prompt on it takes the
 * mask decoder alone.
 * @example
 * const segmenter = await Segmenter.create(model, { masks: true })
 * const click = { x: 120, y: 80 }
 * const [{ mask, predictedIou }] = await segmenter.segment(imageBitmap, { points: [click] })
 * const points = [click, { x: 140, y: 80, foreground: false }] // what is at 140, 80 does not belong to it
 * const [corrected] = await segmenter.segment(imageBitmap, { points, mask }) // not encoded again
 * const three = await segmenter.segment(imageBitmap, { box: [90, 60, 150, 110] }, { multimask: true })
 * segmenter.destroy()
 */
export class Segmenter {
  private readonly tiled: TiledPredictor
  /** The image of the last call, by the object that the caller gave. */
  private current: { source: ImageSource; image: RgbImage } | null = null
  private calls = 0
  private last: Promise<unknown> = Promise.resolve()

  private constructor(
    private readonly predictor: Predictor,
    private readonly masked: Predictor | null,
  ) {
    this.tiled = new TiledPredictor(predictor, masked)
  }

  /** Records the model with the adapter that is attached to it now, if any. One prompt is decoded a pass. */
  static async create(model: SamModel, { slots = 16, masks = false }: SegmenterOptions = {}): Promise<Segmenter> {
    const predictor = await Predictor.create(model, { prompts: 1, slots })
    try {
      return new Segmenter(predictor, masks ? await predictor.withMasks() : null)
    } catch (error) {
      predictor.destroy()
      throw error
    }
  }

  /**
   * The masks of one object. An image is encoded in the first call with it and kept until a call with another; a source
   * whose pixels have changed must be a new object, or `forget` be called. Calls may overlap: they are answered in their order.
   * @throws SettingError if the prompt is empty, outside the image or has more entries than there are slots, its mask does not fit
   * its size or the segmenter takes none, or the image cannot be read · SupersededError, see `latest` · the signal's reason if it aborts ·
   * GpuError if the device reported an error
   */
  segment(source: ImageSource, prompt: SegmentPrompt, options: SegmentOptions = {}): Promise<PromptedMask[]> {
    const call = ++this.calls
    const answer = this.last.then(async () => {
      if (options.latest && call !== this.calls) throw new SupersededError('a later call has taken its place')
      options.signal?.throwIfAborted()
      const image = await this.imageOf(source)
      const asked = checkedPrompt(prompt, image, this.predictor.slots)
      if (asked.mask && !this.masked)
        throw new SettingError(
          'this segmenter takes no masks as prompts: make it with Segmenter.create(model, { masks: true })',
        )
      const { multimask, signal, scale = { diameter: 'none' } } = options
      checkDiameter(scale.diameter)
      const { masks } = await this.tiled.predictAtScale(image, [asked], scale, { multimask, signal })
      return masks[0]
    })
    this.last = answer.catch(() => {})
    return answer
  }

  /** Forgets the encoded image, so that the next call reads and encodes it again. */
  forget(): void {
    this.current = null
    this.tiled.forget()
  }

  /** Frees the GPU memory, not the model's. */
  destroy(): void {
    this.masked?.destroy()
    this.predictor.destroy()
  }

  private async imageOf(source: ImageSource): Promise<RgbImage> {
    const { current } = this
    if (current && current.source === source) return current.image
    this.current = null
    const image = await readPixels(this.predictor.model.engine, source)
    this.current = { source, image }
    return image
  }
}
