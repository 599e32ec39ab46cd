/** @file Validation while training: the same score as in `wgsam train`, on labelled images in memory. */
import type { SamModel } from '../sam/sam-model'
import { Predictor, type PredictorOptions } from '../sam/predictor'
import type { ImagePrompt } from '../sam/prompt-masks'
import { TiledPredictor } from '../scale/tiled-predictor'
import { type Instance, instances } from '../masks/instances'
import { iouWithInstance } from '../masks/iou-with-instance'
import { paintMasks } from '../masks/mask-algebra'
import { confusion, IGNORED, mean, semanticScores } from '../masks/pixel-counts'
import { MIN_INSTANCE_AREA } from '../train/sample-prompts'
import type { Adaptation } from './adaptation'
import { type FoundParticles, foundF1, ParticleCounter } from './found-particles'
import { sampleInstances } from './sample-instances'
import type { LabelledImage } from './samples'
import type { Scored } from './selection'
import type { SourceScores } from './strength'

/** Scores by one kind of prompt, each 0 to 1 (docs/metrics.md). */
export interface PromptScore {
  /** Mean Dice of the foreground of whole images. */
  dice: number
  /** Mean Dice of single particles. */
  instanceDice: number
}

/** The scores of a validation, of which selectionOf says how good the state is. The score is the mean of the four Dice values. */
export interface Validation extends Scored {
  point: PromptScore
  box: PromptScore
}

/** Entries of a prompt: a point and its padding, or two corners. */
const SLOTS = 2
const PROMPTS_PER_PASS = 16
/** Options of the predictor that validates; the memory planner plans for them. */
export const validationPredictor: PredictorOptions = { slots: SLOTS, prompts: PROMPTS_PER_PASS }

const promptOf = {
  point: ({ point: [x, y] }: Instance): ImagePrompt => ({ points: [{ x, y, foreground: true }], box: null }),
  box: ({ x0, y0, x1, y1 }: Instance): ImagePrompt => ({ points: [], box: [x0, y0, x1, y1] }),
} as const

export class Validator {
  private readonly tiled: TiledPredictor

  private constructor(
    private readonly predictor: Predictor,
    private readonly adaptation: Adaptation,
    private readonly images: readonly LabelledImage[],
    private readonly options: { maxInstances: number; seed: number },
    private readonly counter: ParticleCounter | null,
  ) {
    this.tiled = new TiledPredictor(predictor)
  }

  /** Records the model with its adapter; validations use the parameters' moving average of that time, or their values. */
  static async open(
    model: SamModel,
    adaptation: Adaptation,
    images: readonly LabelledImage[],
    options: { maxInstances: number; seed: number },
  ): Promise<Validator> {
    const predictor = await Predictor.create(model, validationPredictor)
    return new Validator(predictor, adaptation, images, options, await ParticleCounter.open(predictor))
  }

  /** Validates; deterministic. Null if `stop` returned true, which is asked before each image. */
  run(stop: () => boolean): Promise<Validation | null> {
    return this.adaptation.withAverage(() => this.measure(this.images, this.options.maxInstances, stop))
  }

  /** The scores of other images with the parameters' present values; deterministic. Null if `stop` returned true. */
  async scores(
    images: readonly LabelledImage[],
    maxInstances: number,
    stop: () => boolean,
  ): Promise<SourceScores | null> {
    const measured = await this.measure(images, maxInstances, stop)
    if (!measured) return null
    const { point, box, head } = measured
    const score = ({ dice, instanceDice }: PromptScore) => (dice + instanceDice) / 2
    return { point: score(point), box: score(box), ...(head !== undefined && { head }) }
  }

  private async measure(
    images: readonly LabelledImage[],
    maxInstances: number,
    stop: () => boolean,
  ): Promise<Validation | null> {
    const tallies = { point: new Tally(), box: new Tally() }
    const found: FoundParticles[] = []
    for (const image of images) {
      if (stop()) return null
      const large = instances({ ...image, data: image.labels }).filter(({ area }) => area >= MIN_INSTANCE_AREA)
      const chosen = sampleInstances(large, image.id, { ...this.options, maxInstances })
      if (!chosen.length) continue
      this.tiled.forget()
      for (const kind of ['point', 'box'] as const) {
        const prompts = chosen.map(promptOf[kind])
        const { masks } = await this.tiled.predictAtScale(image, prompts, { diameter: 'none' })
        tallies[kind].add(
          image,
          chosen,
          masks.map(([{ mask }]) => mask),
        )
      }
      if (this.counter) found.push(await this.counter.count(image))
    }
    const [point, box] = [tallies.point.scores(), tallies.box.scores()]
    const score = mean([point.dice, point.instanceDice, box.dice, box.instanceDice])
    return { score, ...(this.counter && { head: foundF1(found) }), point, box }
  }

  destroy(): void {
    this.counter?.destroy()
    this.predictor.destroy()
  }
}

class Tally {
  private readonly dice: number[] = []
  private readonly instanceDice: number[] = []

  add(image: LabelledImage, chosen: readonly Instance[], masks: Parameters<typeof paintMasks>[0]): void {
    const counted = new Set(chosen.map(({ id }) => id))
    const actual = Uint8Array.from(image.labels, (id) => (!id ? 0 : counted.has(id) ? 1 : IGNORED))
    this.dice.push(semanticScores(confusion(paintMasks(masks, image), actual)).dice)
    chosen.forEach((instance, i) => {
      const iou = iouWithInstance({ ...image, data: image.labels }, instance, masks[i])
      this.instanceDice.push((2 * iou) / (1 + iou))
    })
  }

  scores(): PromptScore {
    return { dice: mean(this.dice), instanceDice: mean(this.instanceDice) }
  }
}
