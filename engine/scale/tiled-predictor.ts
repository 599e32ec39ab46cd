/**
 * @file Masks of prompts on an image that is seen in tiles. Each prompt goes to the tile in which it is most central; the tiles
 * are encoded one after another, each with all its prompts, and the masks are placed in the image. An object that does not fit
 * into a tile is predicted in a larger one, at last in the whole image.
 */
import { type Box, type Region, regionSize, sameRegion, wholeRegion } from '../image/box'
import { cropImage, type RgbImage } from '../image/rgb-image'
import type { Size } from '../image/size'
import { tileRegions } from '../image/tiles'
import { equivalentDiameter } from '../masks/equivalent-diameter'
import { type Mask, maskArea, maskBox } from '../masks/mask'
import { trimMask } from '../masks/mask-algebra'
import { MaskScaler } from '../masks/mask-scaler'
import type { Predictor } from '../sam/predictor'
import { decodePrompts, type ImagePrompt } from '../sam/prompt-masks'
import { measuredSize, type ParticleSize, statedSize } from './particle-size'
import { refineView } from './refine-view'
import type { ScaleSettings } from './scale-settings'
import { chooseView, defaultBand, type View, wholeView } from './view'

/** A mask of a prompt, in pixels of the image. */
export interface PromptedMask {
  mask: Mask
  /** See PromptLogits. */
  token: number
  predictedIou: number
}

export interface PredictOptions {
  /** Three masks of each prompt instead of one, the highest predicted IoU first. */
  multimask?: boolean
  /** Aborts between two passes of the decoder. */
  signal?: AbortSignal
}

/** Space between a box and its tile's edges, as a fraction of its longer side: an object needs surroundings. */
const MARGIN = 0.25

export class TiledPredictor {
  private current: { image: RgbImage; region: Region } | null = null

  /** @param predictor for one image at a time, with enough slots for every prompt */
  constructor(readonly predictor: Predictor) {}

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
    { diameter, band = defaultBand, limits }: ScaleSettings,
    options: PredictOptions = {},
  ): Promise<{ masks: PromptedMask[][]; view: View }> {
    const { inputSize } = this.predictor.model
    const whole = wholeView(image, inputSize)
    if (diameter === 'none') return { masks: await this.predict(image, prompts, whole, options), view: whole }
    // what does not fit into a tile is seen in a larger one, so that a few large objects need not decide for all
    const choose = (size: ParticleSize | null) => {
      const bounded = size && { ...size, largest: Math.min(size.largest, statedSize(size.diameter).largest) }
      return chooseView(image, inputSize, bounded, band, limits)
    }
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
    const results = new Array<PromptedMask[]>(prompts.length)
    let pending = prompts.map((_, i) => i)
    for (const regions of levels(image, view)) {
      const byRegion = regions.map((): number[] => [])
      const next: number[] = []
      for (const i of pending) {
        const region = regions.length > 1 ? mostCentral(regions, prompts[i], image) : 0
        ;(region < 0 ? next : byRegion[region]).push(i)
      }
      for (const [r, region] of regions.entries()) {
        const near = Math.max(...Object.values(regionSize(region))) / this.predictor.model.maskSide
        const here = byRegion[r]
        const masks = await this.predictIn(
          image,
          region,
          here.map((i) => prompts[i]),
          options,
        )
        masks.forEach((found, k) => {
          results[here[k]] = found
          if (isCut(found[0].mask, region, image, near)) next.push(here[k])
        })
      }
      pending = next
      if (!pending.length) break
    }
    return results
  }

  /** The masks of prompts, seen in one part of the image. */
  private async predictIn(
    image: RgbImage,
    region: Region,
    prompts: readonly ImagePrompt[],
    { multimask, signal }: PredictOptions,
  ): Promise<PromptedMask[][]> {
    if (!prompts.length) return []
    const { predictor } = this
    const { maskSide, inputSize } = predictor.model
    const size = regionSize(region)
    this.encode(image, region)
    const scaler = new MaskScaler(maskSide, inputSize, size)
    const results: PromptedMask[][] = []
    // one pass of the decoder at a time: logits of all prompts together may be large
    for (let start = 0; start < prompts.length; start += predictor.prompts) {
      signal?.throwIfAborted()
      const local = prompts.slice(start, start + predictor.prompts).map((prompt) => inRegion(prompt, region))
      for (const masks of await decodePrompts(predictor, size, local, multimask))
        results.push(
          masks.map(({ token, predictedIou, logits }) => {
            const mask = scaler.mask(logits)
            const placed = mask.width ? { ...mask, x0: mask.x0 + region.left, y0: mask.y0 + region.top } : mask
            return { token, predictedIou, mask: placed }
          }),
        )
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

/** The tiles of a view, then larger and larger ones, then the whole image alone. */
function* levels(image: Size, { tileSize, tileHalo }: Pick<View, 'tileSize' | 'tileHalo'>): Generator<Region[]> {
  if (tileSize)
    for (let factor = 1; factor * tileSize < Math.max(image.width, image.height); factor *= 2)
      yield tileRegions(image, factor * tileSize, factor * tileHalo).map(({ region }) => region)
  yield [wholeRegion(image)]
}

/** The distance from a box to the nearest edge of a region that is not the image's own. */
function clearance({ x0, y0, x1, y1 }: Box, { left, top, right, bottom }: Region, { width, height }: Size): number {
  return Math.min(
    left ? x0 - left : Infinity,
    top ? y0 - top : Infinity,
    right < width ? right - 1 - x1 : Infinity,
    bottom < height ? bottom - 1 - y1 : Infinity,
  )
}

/** The index of the region in which a prompt is furthest from the edges, -1 if none has room for it. */
function mostCentral(regions: readonly Region[], { points, box }: ImagePrompt, image: Size): number {
  const xs = [...points.map(({ x }) => x), ...(box ? [box[0], box[2]] : [])]
  const ys = [...points.map(({ y }) => y), ...(box ? [box[1], box[3]] : [])]
  const extent = { x0: Math.min(...xs), y0: Math.min(...ys), x1: Math.max(...xs), y1: Math.max(...ys) }
  const margin = MARGIN * Math.max(extent.x1 - extent.x0, extent.y1 - extent.y0)
  let [best, most] = [-1, margin]
  regions.forEach((region, i) => {
    const space = clearance(extent, region, image)
    if (best < 0 ? space >= most : space > most) [best, most] = [i, space]
  })
  return best
}

/** True if a mask comes nearer than `near` pixels to an edge of its region that is not the image's: it may go on beyond. */
function isCut(mask: Mask, region: Region, image: Size, near: number): boolean {
  const tight = trimMask(mask)
  return tight.width > 0 && clearance(maskBox(tight), region, image) < near
}

function inRegion({ points, box }: ImagePrompt, { left, top }: Region): ImagePrompt {
  return {
    points: points.map(({ x, y, foreground }) => ({ x: x - left, y: y - top, foreground })),
    box: box && [box[0] - left, box[1] - top, box[2] - left, box[3] - top],
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
