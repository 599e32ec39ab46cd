/**
 * @file Masks of prompts on an image that is seen in tiles (prompt-parts.ts says which): the tiles are encoded one after another,
 * each with all its prompts, and the masks are placed in the image.
 */
import { type Box, type Region, regionKey, regionSize, sameRegion, wholeRegion } from '../image/box'
import { cropImage, type RgbImage } from '../image/rgb-image'
import type { Mask } from '../masks/mask'
import { MaskScaler } from '../masks/mask-scaler'
import type { Predictor, TokenMask } from '../sam/predictor'
import { decodePrompts, type ImagePrompt, isAmbiguous } from '../sam/prompt-masks'
import { completeMasks } from './complete-masks'
import { measuredSize, type ParticleSize, statedSize } from './particle-size'
import { inRegion, isCut, maskInImage, predictInParts, roomOf, viewForPrompts } from './prompt-parts'
import { extentsOf, sizeOfAnswers, sizeOfBox } from './prompted-size'
import { refineView } from './refine-view'
import type { ScaleSettings } from './scale-settings'
import { halvedTiles, halvingsFor } from './small-objects'
import { defaultBand, type View, wholeView } from './view'

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
  /** Embeddings of parts of the current image, by regionKey; null if they are not kept. */
  private readonly kept: Map<string, Float32Array> | null

  /**
   * @param predictor for one image at a time, with enough slots for every prompt
   * @param masked for prompts that have a mask, see Predictor.withMasks
   * @param keepParts whether the embeddings of all parts of an image stay in memory, for prompts that come back to them: at an input of 1024
   *   pixels 4 MiB each
   */
  constructor(
    readonly predictor: Predictor,
    private readonly masked: Predictor | null = null,
    { keepParts = false }: { keepParts?: boolean } = {},
  ) {
    this.kept = keepParts ? new Map() : null
  }

  /** Forgets the encoded parts: the next image is encoded even if it is the same object. */
  forget(): void {
    this.current = null
    this.kept?.clear()
  }

  /**
   * The masks of prompts in the view that shows the particles at a size that the model knows. If their diameter is to be
   * estimated, it is that of the prompts' boxes, or of the masks that they refine; of points alone that of their masks in the whole image,
   * which are also the result if their size is right. Then those that are much smaller than the others are seen in finer tiles.
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
    const choose = (size: ParticleSize | null, room: number) =>
      viewForPrompts(image, inputSize, size, prompts.length, { band, limits }, room)
    if (diameter !== 'auto') {
      const view = choose(statedSize(diameter), roomOf.unknown)
      return { masks: await this.predict(image, prompts, view, options), view }
    }
    const low = (band ?? defaultBand).low
    if (prompts.every(({ box }) => box)) {
      const sizes = prompts.map(({ box }) => sizeOfBox(box!))
      const view = choose(measuredSize(sizes), roomOf.known)
      const halvings = sizes.map(({ diameter }) => halvingsFor(diameter, view, low))
      return { masks: await this.predictHalved(image, prompts, view, halvings, options), view }
    }
    if (prompts.every(({ mask }) => mask)) {
      const view = choose(sizeOfAnswers(prompts, answersOf(prompts)), roomOf.known)
      return { masks: await this.refine(image, prompts, view, { diameter, band }, options), view }
    }
    const { result, view } = await refineView(
      whole,
      (part, before: PromptedMask[][] | null) =>
        this.predict(image, prompts, part, options, before ? extentsOf(prompts, before) : []),
      (answers) => choose(sizeOfAnswers(prompts, answers), roomOf.known),
    )
    const extents = extentsOf(prompts, result)
    const halvings = halvingsOf(extents, view, low)
    return { masks: await this.predictHalved(image, prompts, view, halvings, options, extents, result), view }
  }

  /**
   * The masks of prompts that refine masks, in the view that these were seen in; if the diameter was to be estimated, those of objects that
   * are much smaller than the others in finer tiles.
   */
  async refine(
    image: RgbImage,
    prompts: readonly ImagePrompt[],
    view: View,
    { diameter, band = defaultBand }: Pick<ScaleSettings, 'diameter' | 'band'>,
    options: PredictOptions = {},
  ): Promise<PromptedMask[][]> {
    const extents = extentsOf(prompts, answersOf(prompts))
    const low = diameter === 'auto' ? band.low : 0
    return this.predictHalved(image, prompts, view, halvingsOf(extents, view, low), options, extents)
  }

  /**
   * The masks of prompts in tiles of a view that are halved for some of them.
   * @param halvings how often the tiles are halved, for each prompt
   * @param extents see predictInParts
   * @param known the masks of all prompts in the view itself, if they are known already
   */
  private async predictHalved(
    image: RgbImage,
    prompts: readonly ImagePrompt[],
    view: View,
    halvings: readonly number[],
    options: PredictOptions,
    extents: readonly (Box | null)[] = [],
    known: readonly PromptedMask[][] = [],
  ): Promise<PromptedMask[][]> {
    const results = [...known]
    for (const times of new Set(halvings)) {
      if (!times && known.length) continue
      const here = [...prompts.keys()].filter((i) => halvings[i] === times)
      const pick = <T>(values: readonly T[]) => here.map((i) => values[i])
      const tiles = halvedTiles(image, view, times)
      const masks = await this.predict(image, pick(prompts), tiles, options, pick(extents))
      here.forEach((i, k) => (results[i] = masks[k]))
    }
    return results
  }

  /**
   * The masks of each prompt, in a view.
   * @param extents see predictInParts
   * @throws Error as decodePrompts · the abort reason of the signal
   */
  async predict(
    image: RgbImage,
    prompts: readonly ImagePrompt[],
    view: Pick<View, 'tileSize' | 'tileHalo'>,
    options: PredictOptions = {},
    extents: readonly (Box | null)[] = [],
  ): Promise<PromptedMask[][]> {
    const { maskSide } = this.predictor.model
    const predictIn = (region: Region, here: ImagePrompt[]) => this.predictIn(image, region, here, options)
    return predictInParts(image, prompts, view, maskSide, predictIn, extents)
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
    await this.hold(image, region)
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

  /** Lets prompts be decoded on a region of an image. */
  private async hold(image: RgbImage, region: Region): Promise<void> {
    const { current, kept, predictor } = this
    if (!kept) return this.encode(image, region)
    if (current && current.image !== image) kept.clear()
    const known = kept.get(regionKey(region))
    if (known && !sameRegion(current!.region, region)) {
      predictor.setEmbedding(known)
      this.current = { image, region }
    }
    this.encode(image, region)
    if (!known) kept.set(regionKey(region), await predictor.embedding())
  }

  /** Submits the encoding of a region of an image (the whole image by default), unless it is the one encoded last. */
  encode(image: RgbImage, region: Region = wholeRegion(image)): void {
    const { current } = this
    if (current && current.image === image && sameRegion(current.region, region)) return
    this.predictor.setImage({ ...regionSize(region), rgb: cropImage(image, region) })
    this.current = { image, region }
  }
}

/** The masks that prompts refine, as answers to them. */
const answersOf = (prompts: readonly ImagePrompt[]) => prompts.map(({ mask }) => [{ mask: mask! }])

/** How often tiles are halved for objects of which the boxes are known, or not. */
const halvingsOf = (extents: readonly (Box | null)[], view: View, low: number): number[] =>
  extents.map((extent) => {
    const diameter = extent && sizeOfBox([extent.x0, extent.y0, extent.x1, extent.y1]).diameter
    return halvingsFor(diameter, view, low)
  })
