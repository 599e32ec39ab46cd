/** @file The base model against the adapted one on the same images and prompts. */
import { Predictor } from '../../engine/sam/predictor'
import type { SamModel } from '../../engine/sam/sam'
import type { AttachedAdapter } from '../adapters'
import type { DatasetItem } from '../data/dataset'
import { type EvaluatedImage, type Evaluation, EVALUATION_SLOTS, evaluate, promptKinds } from './evaluate'

export interface Comparison {
  /** One for each kind of prompt. */
  base: Evaluation[]
  /** null where there is no adapter. */
  adapted: Evaluation[] | null
}

export type Variant = 'base' | 'adapted'

export interface CompareOptions {
  model: SamModel
  adapter: AttachedAdapter | null
  items: readonly DatasetItem[]
  maxInstances?: number | null
  seed?: number
  stop?(): boolean
  onProgress?(variant: Variant, done: number, total: number, item: DatasetItem): void
  onImage?(variant: Variant, image: EvaluatedImage): void | Promise<void>
}

/** Evaluates one after the other; the adapter is attached afterwards. null where it was stopped. */
export async function compare(options: CompareOptions): Promise<Comparison | null> {
  const { adapter } = options
  adapter?.detach()
  const base = await evaluateVariant('base', options)
  adapter?.attach()
  if (!base || !adapter) return base && { base, adapted: null }
  const adapted = await evaluateVariant('adapted', options)
  return adapted && { base, adapted }
}

/** Evaluates the model as it is now under the name of a variant. */
export async function evaluateVariant(
  variant: Variant,
  { model, items, maxInstances, seed, stop, onProgress, onImage }: Omit<CompareOptions, 'adapter'>,
): Promise<Evaluation[] | null> {
  const predictor = await Predictor.create(model, { slots: EVALUATION_SLOTS })
  try {
    return await evaluate({
      predictor,
      items,
      prompts: promptKinds,
      maxInstances,
      seed,
      stop,
      onProgress: onProgress && ((...progress) => onProgress(variant, ...progress)),
      onImage: onImage && ((image) => onImage(variant, image)),
    })
  } finally {
    predictor.destroy()
  }
}
