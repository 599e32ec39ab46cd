/**
 * @file Masks of prompts on an image that is seen in tiles (prompt-parts.ts says which): the tiles are encoded one after another,
 * each with all its prompts, and the masks are placed in the image.
 */
import { type Region, regionSize, sameRegion, wholeRegion } from '../image/box'
import { cropImage, type RgbImage } from '../image/rgb-image'
import { equivalentDiameter } from '../masks/equivalent-diameter'
import { type Mask, maskArea } from '../masks/mask'
import { trimMask } from '../masks/mask-algebra'
import { MaskScaler } from '../masks/mask-scaler'
import type { Predictor, TokenMask } from '../sam/predictor'
import { decodePrompts, type ImagePrompt, isAmbiguous } from '../sam/prompt-masks'
import { completeMasks } from './complete-masks'
import { measuredSize, type ParticleSize, statedSize } from './particle-size'
import { inRegion, isCut, maskInImage, predictInParts, viewForPrompts } from './prompt-parts'
import { refineView } from './refine-view'
import type { ScaleSettings } from './scale-settings'
import { type View, wholeView } from './view'

/** A mask of a prompt, in pixels of the image. */
export interface PromptedMask {
  mask: Mask
  /** See TokenMask. */
  token: number
  predictedIou: number
  /** The part of the image that the model saw. */
  region: Region
}

export interface PredictOptions {
  /** Three masks of each prompt instead of one, the highest predicted IoU first; fewer if a tile cuts some: see completeMasks. */
  multimask?: boolean
  /** Aborts between two passes of the decoder. */
  signal?: AbortSignal
}

/** Masks of prompts on images of any size, in tiles where particles would be too small for the model. */
export class TiledPredictor {
  private current: { image: RgbImage; region: Region } | null = null

  /**
   * @param predictor for one image at a time, with enough slots for every prompt
   * @param masked for prompts that have a mask, see Predictor.withMasks
   */
  constructor(
    readonly predictor: Predictor,
    private readonly masked: Predictor | null = null,
  ) {}

  /** Forgets the encoded part: the next image is encoded even if it is the same object. */
  forget(): void {
    this.current = null
  }

  /**
   * The masks of prompts in the view that shows the particles at a size that the model knows. If their diameter is to be
   * estimated, it is that of the prompts' boxes; of points that of their masks in the whole image, which are also the result
   * if their size is right.
   */
  async predictAtScale(
    image: RgbImage,
    prompts: readonly ImagePrompt[],
    { diameter, band, limits }: ScaleSettings,
    options: PredictOptions = {},
  ): Promise<{ masks: PromptedMask[][]; view: View }> {
    const { inputSize } = this.predictor.model
    const whole = wholeView(image, inputSize)
    if (diameter === 'none') return { masks: await this.predict(image, prompts, whole, options), view: whole }
    const choose = (size: ParticleSize | null) =>
      viewForPrompts(image, inputSize, size, prompts.length, { band, limits })
    if (diameter !== 'auto') {
      const view = choose(statedSize(diameter))
      return { masks: await this.predict(image, prompts, view, options), view }
    }
    if (prompts.every(({ box }) => box)) {
      const view = choose(measuredSize(prompts.map(({ box }) => sizeOfBox(box!))))
      return { masks: await this.predict(image, prompts, view, options), view }
    }
    const { result, view } = await refineView(
      whole,
      (part) => this.predict(image, prompts, part, options),
      (answers) => choose(sizeOfAnswers(prompts, answers)),
    )
    return { masks: result, view }
  }

  /**
   * The masks of each prompt, in a view.
   * @throws Error as decodePrompts · the abort reason of the signal
   */
  async predict(
    image: RgbImage,
    prompts: readonly ImagePrompt[],
    view: Pick<View, 'tileSize' | 'tileHalo'>,
    options: PredictOptions = {},
  ): Promise<PromptedMask[][]> {
    const { maskSide } = this.predictor.model
    return predictInParts(image, prompts, view, maskSide, (region, here) =>
      this.predictIn(image, region, here, options),
    )
  }

  /** The masks of prompts, seen in one part of the image: in a tile preferably those that it does not cut. */
  private async predictIn(
    image: RgbImage,
    region: Region,
    prompts: readonly ImagePrompt[],
    { multimask, signal }: PredictOptions,
  ): Promise<PromptedMask[][]> {
    const { predictor } = this
    const { maskSide, inputSize } = predictor.model
    const size = regionSize(region)
    // in a tile another of a point's three masks may be the particle, so all are decoded
    const three = (prompt: ImagePrompt) => multimask || (isAmbiguous(prompt) && !sameRegion(region, wholeRegion(image)))
    const cut = ({ mask }: PromptedMask) => isCut(mask, region, image, maskSide)
    this.encode(image, region)
    const scaler = new MaskScaler(maskSide, inputSize, size)
    const results: PromptedMask[][] = []
    // one pass of the decoder at a time: logits of all prompts together may be large
    for (let start = 0; start < prompts.length; start += predictor.prompts) {
      signal?.throwIfAborted()
      const local = prompts.slice(start, start + predictor.prompts).map((prompt) => inRegion(prompt, region))
      const decoder = (local.some(({ mask }) => mask) && this.masked) || predictor
      for (const [best, ...others] of await decodePrompts(decoder, size, local, three)) {
        const place = ({ token, predictedIou, logits }: TokenMask): PromptedMask => ({
          ...{ token, predictedIou, region },
          mask: maskInImage(scaler.mask(logits), region),
        })
        const first = place(best)
        const all = multimask || cut(first) ? completeMasks([first, ...others.map(place)], cut) : [first]
        results.push(multimask ? all : all.slice(0, 1))
      }
    }
    return results
  }

  /** Submits the encoding of a region of an image (the whole image by default), unless it is the one encoded last. */
  encode(image: RgbImage, region: Region = wholeRegion(image)): void {
    const { current } = this
    if (current && current.image === image && sameRegion(current.region, region)) return
    this.predictor.setImage({ ...regionSize(region), rgb: cropImage(image, region) })
    this.current = { image, region }
  }
}

/** The diameter and length of the ellipse that fills a box. */
function sizeOfBox([x0, y0, x1, y1]: NonNullable<ImagePrompt['box']>): { diameter: number; length: number } {
  const [width, height] = [x1 - x0 + 1, y1 - y0 + 1]
  return { diameter: Math.sqrt(width * height), length: Math.max(width, height) }
}

/**
 * The size of the particles that were prompted, from their masks. Where particles are too small for the model, a mask covers
 * many of them, but prompts are of different particles: none is larger than the distance to the next prompt.
 */
function sizeOfAnswers(prompts: readonly ImagePrompt[], answers: readonly PromptedMask[][]): ParticleSize | null {
  const centres = prompts.map(centreOf)
  return measuredSize(
    answers.map(([{ mask }], i) => {
      const { box } = prompts[i]
      if (box) return sizeOfBox(box)
      const tight = trimMask(mask)
      const [x, y] = centres[i]
      const others = centres.filter((_, k) => k !== i).map(([u, v]) => Math.hypot(u - x, v - y))
      const apart = Math.min(Infinity, ...others.filter((distance) => distance > 0))
      return {
        diameter: Math.min(apart, equivalentDiameter(maskArea(tight))),
        length: Math.min(2 * apart, Math.max(tight.width, tight.height)),
      }
    }),
  )
}

/** A point inside the object. */
function centreOf({ points, box }: ImagePrompt): [number, number] {
  if (box) return [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
  const { x, y } = points.find(({ foreground }) => foreground) ?? points[0]
  return [x, y]
}
