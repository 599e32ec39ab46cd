/** @file Validation of the adapter in training: the measures of `wgsam eval`, on the split's validation images. */
import { Predictor, type PredictorOptions } from '../../engine/sam/predictor'
import type { SamModel } from '../../engine/sam/sam-model'
import type { DatasetItem } from '../dataset/dataset'
import { Progress } from '../host/progress'
import type { TrainConfig } from './config'
import { EVALUATION_SLOTS, evaluate, type EvaluateOptions, promptKinds } from '../evaluation/evaluate'
import { summarise } from '../evaluation/scores'
import type { Measures } from '../tracking/records'

export interface Validation {
  /**
   * What the best checkpoint is chosen by, 0 to 1: the mean Dice of whole images and of single instances, over point and
   * box prompts. On dense images a mask of everything has a high Dice of the whole, and no use.
   */
  score: number
  measures: Record<'point' | 'box', Measures>
  /** For people. */
  text: string
}

/** What it predicts with. */
export const validationPredictor: PredictorOptions = { slots: EVALUATION_SLOTS, prompts: 16 }

export class Validator {
  private constructor(
    private readonly predictor: Predictor,
    private readonly items: readonly DatasetItem[],
    private readonly config: TrainConfig,
  ) {}

  /** Records the model with its adapter; later values of the parameters show in it. */
  static async open(model: SamModel, items: readonly DatasetItem[], config: TrainConfig): Promise<Validator> {
    const predictor = await Predictor.create(model, validationPredictor)
    return new Validator(predictor, items.slice(0, config.validation.images ?? items.length), config)
  }

  /** `onImage` sees each image's masks. Null where `stop` ended it. The same parameters give the same result. */
  async run(stop: () => boolean, onImage?: EvaluateOptions['onImage']): Promise<Validation | null> {
    const { predictor, items, config } = this
    const line = new Progress('validating', items.length, { unit: 'images' })
    const tallied = await evaluate({
      predictor,
      items,
      prompts: promptKinds,
      maxInstances: config.validation.instances,
      seed: config.seed,
      onProgress: (done) => line.update(done),
      onImage,
      stop,
    })
    if (!tallied) return null
    const evaluations = tallied.map(summarise)
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
