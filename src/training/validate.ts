/** @file Validation during training: the measures of `wgsam eval`, on the validation images of the split. */
import { Predictor, type PredictorOptions } from '../../engine/sam/predictor'
import type { DatasetItem } from '../dataset/dataset'
import { Progress } from '../host/progress'
import type { Adaptation } from './adaptation'
import type { TrainConfig } from './config'
import { evaluate, type EvaluateOptions } from '../evaluation/evaluate'
import { EVALUATION_SLOTS, predictorSegmenter } from '../evaluation/model-segmenter'
import { promptKinds } from '../evaluation/segmenter'
import type { TrainingSession } from './session'
import { summariseTallies } from '../evaluation/scores'
import type { Measures } from '../tracking/records'

export interface Validation {
  /**
   * Decides which checkpoint is the best, 0 to 1: the mean of the Dice of whole images and of single instances, over point
   * and box prompts. Single instances count because on dense images a useless mask of everything has a high whole-image Dice.
   */
  score: number
  measures: Record<'point' | 'box', Measures>
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
  ) {}

  /** Records the model with its adapter; validations use the parameters' moving average of that time, or their values. */
  static async open(
    { model, adaptation }: Pick<TrainingSession, 'model' | 'adaptation'>,
    items: readonly DatasetItem[],
    config: TrainConfig,
  ): Promise<Validator> {
    const predictor = await Predictor.create(model, validationPredictor)
    return new Validator(predictor, items.slice(0, config.validation.images ?? items.length), config, adaptation)
  }

  /** Validates; deterministic. `onImage` receives the masks of each image. Null if `stop` returned true. */
  async run(stop: () => boolean, onImage?: EvaluateOptions['onImage']): Promise<Validation | null> {
    const { predictor, items, config } = this
    const line = new Progress('validating', items.length, { unit: 'images' })
    const options: EvaluateOptions = {
      segmenter: predictorSegmenter(predictor),
      items,
      prompts: promptKinds,
      maxInstances: config.validation.instances,
      seed: config.seed,
      onProgress: (done) => line.update(done),
      onImage,
      stop,
    }
    const tallied = await this.adaptation.withAverage(() => evaluate(options))
    if (!tallied) return null
    const evaluations = tallied.map(summariseTallies)
    const percent = (x: number) => `${(100 * x).toFixed(2)} %`
    return {
      score: evaluations.reduce((sum, e) => sum + (e.dice + e.instanceDice) / 2, 0) / evaluations.length,
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

  destroy(): void {
    this.predictor.destroy()
  }
}
