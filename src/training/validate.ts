/** @file Validation during training: the measures of `wgsam eval`, on the validation images of the split. */
import { type FoundParticles, foundF1, ParticleCounter } from '../../engine/finetune/found-particles'
import type { Scored } from '../../engine/finetune/selection'
import { Predictor, type PredictorOptions } from '../../engine/sam/predictor'
import type { SamModel } from '../../engine/sam/sam-model'
import type { DatasetItem } from '../dataset/dataset'
import { chooseImages } from '../dataset/split'
import type { Adaptation } from '../../engine/finetune/adaptation'
import type { TrainConfig } from './config'
import { meanScore, type SourceScores } from '../../engine/finetune/strength'
import { scoresOf, scoreSource, tallyPrompts } from './prompt-scores'
import { alone, type Communicator, gatherValues } from '../mpi/communicator'
import { decidedByFirst, gatherTallies } from './joint-training'
import { shareOf } from './rank-share'
import { resolved } from '../../engine/finetune/measuring-effort'
import type { EvaluateOptions, TalliedMode } from '../evaluation/evaluate'
import { EVALUATION_SLOTS } from '../evaluation/model-segmenter'
import { summariseTallies } from '../evaluation/scores'
import type { Measures } from '../tracking/records'
import { folderOf, type ValidationSource } from './validation-sources'

/**
 * A validation, of which selectionOf says how good the state is. The score is the mean of the Dice of whole images and of single
 * instances, over point and box prompts. Single instances count because on dense images a useless mask of everything has a high
 * whole-image Dice.
 */
export interface Validation extends Scored {
  measures: Record<'point' | 'box', Measures>
  /** The scores of each folder of images, if there are several. */
  sources?: Record<string, number>
  /** The measures as text, for the log. */
  text: string
}

/** Options of the predictor used in validations; the memory planner plans for them. */
export const validationPredictor: PredictorOptions = { slots: EVALUATION_SLOTS, prompts: 16 }

export class Validator {
  private constructor(
    private readonly predictor: Predictor,
    private readonly items: readonly DatasetItem[],
    private readonly config: TrainConfig,
    private readonly adaptation: Adaptation,
    private readonly ranks: Communicator,
    private readonly counter: ParticleCounter | null,
  ) {}

  /**
   * Records the model with its adapter; validations use the parameters' moving average of that time, or their values. Each of the
   * ranks validates on a part of the images.
   */
  static async open(
    { model, adaptation }: { model: SamModel; adaptation: Adaptation },
    items: readonly DatasetItem[],
    config: TrainConfig,
    ranks = alone,
  ): Promise<Validator> {
    const predictor = await Predictor.create(model, validationPredictor)
    const { images } = resolved(config)
    const chosen = new Set(
      chooseImages(
        items.map(({ id }) => id),
        images,
        config.seed,
      ),
    )
    return new Validator(
      predictor,
      items.filter(({ id }) => chosen.has(id)),
      config,
      adaptation,
      ranks,
      await ParticleCounter.open(predictor),
    )
  }

  /**
   * Validates; deterministic. `onImage` receives the masks of each image of this rank. Null if `stop` returned true at any rank; the
   * result is the same at all.
   */
  async run(stop: () => boolean, onImage?: EvaluateOptions['onImage']): Promise<Validation | null> {
    const { config, ranks, counter } = this
    const items = this.items.slice(...shareOf(this.items.length, ranks))
    const found: FoundParticles[] = []
    const counted: EvaluateOptions['onImage'] = async (image) => {
      if (counter) found.push(await counter.count(image.sample))
      await onImage?.(image)
    }
    const options = { items, maxInstances: resolved(config).instances, seed: config.seed, onImage: counted, stop }
    const own = await this.adaptation.withAverage(() => tallyPrompts(this.predictor, 'validating', options))
    const tallied = await gatherTallies(ranks, own)
    const foundByAll = (await gatherValues(ranks, found))?.flat() ?? []
    return decidedByFirst(ranks, tallied && this.summary(tallied, counter ? foundF1(foundByAll) : undefined))
  }

  private summary(tallied: TalliedMode[], head: number | undefined): Validation {
    const { items, config } = this
    const evaluations = tallied.map(summariseTallies)
    const folders = [...new Set(items.map(folderOf))]
    const scoreIn = (folder: string) => meanScore(scoresOf(tallied, (id) => folderOf({ id }) === folder))
    const percent = (x: number) => `${(100 * x).toFixed(2)} %`
    return {
      score: meanScore(scoresOf(tallied)),
      ...(head !== undefined && { head }),
      ...(config.data.length > 1 && { sources: Object.fromEntries(folders.map((name) => [name, scoreIn(name)])) }),
      measures: Object.fromEntries(
        evaluations.map(({ prompt, dice, miou, accuracy, instanceDice }) => [
          prompt,
          { dice, miou, accuracy, instanceDice },
        ]),
      ) as Validation['measures'],
      text: [
        ...evaluations.map(({ prompt, dice, miou, accuracy, instanceDice }) => {
          const values = `Dice ${percent(dice)}, mIoU ${percent(miou)}, accuracy ${percent(accuracy)}, instance Dice ${percent(instanceDice)}`
          return `${prompt} prompts: ${values}`
        }),
        ...(head === undefined ? [] : [`the prompt head finds particles with an F1 of ${percent(head)}`]),
      ].join('; '),
    }
  }

  /**
   * The scores of a source with the parameters' present values, and of the prompt head if one trains; deterministic. Null if
   * `stop` returned true.
   */
  async scoreSource(
    source: ValidationSource,
    { maxInstances, stop }: { maxInstances: number; stop: () => boolean },
  ): Promise<SourceScores | null> {
    return scoreSource(this.predictor, source, { maxInstances, seed: this.config.seed, stop }, this.counter, this.ranks)
  }

  destroy(): void {
    this.counter?.destroy()
    this.predictor.destroy()
  }
}
