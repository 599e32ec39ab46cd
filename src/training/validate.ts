/** @file Validation during training: the measures of `wgsam eval`, on the validation images of the split. */
import { Predictor, type PredictorOptions } from '../../engine/sam/predictor'
import type { SamModel } from '../../engine/sam/sam-model'
import type { DatasetItem } from '../dataset/dataset'
import { Progress } from '../host/progress'
import type { Adaptation } from './adaptation'
import type { TrainConfig } from './config'
import { evaluate, type EvaluateOptions, type TalliedMode } from '../evaluation/evaluate'
import { EVALUATION_SLOTS, predictorSegmenter } from '../evaluation/model-segmenter'
import { type EvaluationPrompt, promptKinds } from '../evaluation/segmenter'
import { summariseTallies } from '../evaluation/scores'
import type { Measures } from '../tracking/records'
import { folderOf, type ValidationSource } from './validation-sources'

/** Scores by kind of prompt, 0 to 1: each is the mean of the Dice of whole images and of single instances. */
export type PromptScores = Record<EvaluationPrompt, number>

export interface Validation {
  /**
   * Decides which checkpoint is the best, 0 to 1: the mean of the Dice of whole images and of single instances, over point
   * and box prompts. Single instances count because on dense images a useless mask of everything has a high whole-image Dice.
   */
  score: number
  measures: Record<'point' | 'box', Measures>
  /** The scores of each folder of images, if there are several. */
  sources?: Record<string, number>
  /** The measures as text, for the log. */
  text: string
}

/** Options of the predictor used in validations; the memory planner plans for them. */
export const validationPredictor: PredictorOptions = { slots: EVALUATION_SLOTS, prompts: 16 }

/** Maximum instances per image in the comparison of strengths. */
const SOURCE_INSTANCES = 32

export class Validator {
  private constructor(
    private readonly predictor: Predictor,
    private readonly items: readonly DatasetItem[],
    private readonly config: TrainConfig,
    private readonly adaptation: Adaptation,
  ) {}

  /** Records the model with its adapter; validations use the parameters' moving average of that time, or their values. */
  static async open(
    { model, adaptation }: { model: SamModel; adaptation: Adaptation },
    items: readonly DatasetItem[],
    config: TrainConfig,
  ): Promise<Validator> {
    const predictor = await Predictor.create(model, validationPredictor)
    return new Validator(predictor, items.slice(0, config.validation.images ?? items.length), config, adaptation)
  }

  /** Validates; deterministic. `onImage` receives the masks of each image. Null if `stop` returned true. */
  async run(stop: () => boolean, onImage?: EvaluateOptions['onImage']): Promise<Validation | null> {
    const { items, config } = this
    const maxInstances = config.validation.instances
    const tallied = await this.adaptation.withAverage(() =>
      this.tally('validating', { items, maxInstances, onImage, stop }),
    )
    if (!tallied) return null
    const evaluations = tallied.map(summariseTallies)
    const folders = [...new Set(items.map(folderOf))]
    const scoreIn = (folder: string) => scoreOf(scoresOf(tallied, (id) => folderOf({ id }) === folder))
    const percent = (x: number) => `${(100 * x).toFixed(2)} %`
    return {
      score: scoreOf(scoresOf(tallied)),
      ...(config.data.length > 1 && { sources: Object.fromEntries(folders.map((name) => [name, scoreIn(name)])) }),
      measures: Object.fromEntries(
        evaluations.map(({ prompt, dice, miou, accuracy, instanceDice }) => [
          prompt,
          { dice, miou, accuracy, instanceDice },
        ]),
      ) as Validation['measures'],
      text: evaluations
        .map(({ prompt, dice, miou, accuracy, instanceDice }) => {
          const values = `Dice ${percent(dice)}, mIoU ${percent(miou)}, accuracy ${percent(accuracy)}, instance Dice ${percent(instanceDice)}`
          return `${prompt} prompts: ${values}`
        })
        .join('; '),
    }
  }

  /** The scores of a source with the parameters' present values; deterministic. Null if `stop` returned true. */
  async scoreSource({ name, items, load }: ValidationSource, stop: () => boolean): Promise<PromptScores | null> {
    const tallied = await this.tally(`comparing on ${name}`, { items, load, maxInstances: SOURCE_INSTANCES, stop })
    return tallied && scoresOf(tallied)
  }

  private tally(
    label: string,
    options: Pick<EvaluateOptions, 'items' | 'load' | 'maxInstances' | 'onImage' | 'stop'>,
  ): Promise<TalliedMode[] | null> {
    const line = new Progress(label, options.items.length, { unit: 'images' })
    return evaluate({
      ...options,
      segmenter: predictorSegmenter(this.predictor),
      prompts: promptKinds,
      seed: this.config.seed,
      onProgress: (done) => line.update(done),
    })
  }

  destroy(): void {
    this.predictor.destroy()
  }
}

const scoreOf = ({ point, box }: PromptScores): number => (point + box) / 2

/** The scores of some images, by default all. */
function scoresOf(tallied: readonly TalliedMode[], chosen: (id: string) => boolean = () => true): PromptScores {
  const scores = tallied.map(({ prompt, images, seconds }) => {
    const kept = images.flatMap((image, i) => (chosen(image.id) ? [i] : []))
    const part = { prompt, images: kept.map((i) => images[i]), seconds: kept.map((i) => seconds[i]) }
    const { dice, instanceDice } = summariseTallies(part)
    return [prompt, (dice + instanceDice) / 2]
  })
  return Object.fromEntries(scores) as PromptScores
}
