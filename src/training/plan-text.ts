/** @file Describes the memory plan of a run as text. */
import { amount } from '../host/progress'
import type { TrainConfig } from './config'
import { recomputationText } from '../../engine/finetune/recomputation-text'
import type { RunPlan } from './memory-planner'

/** The plan in one line for the log of a run: what the model sees, and how much memory it takes. */
export function summarisePlan(
  { size, microBatch, total, budget, step }: RunPlan,
  { batch }: Pick<TrainConfig, 'batch'>,
): string {
  const steps = batch === 1 ? 'one image a step' : `steps of ${batch} images`
  const atOnce = microBatch < batch ? `, ${microBatch} at once` : ''
  const again = step.segments.some(({ recompute }) => recompute) ? ', with recomputation to save memory' : ''
  const limit = budget === null ? '' : ` of ${amount(budget, 'bytes')}`
  return `input ${size} × ${size} pixels, ${steps}${atOnce}; GPU memory: ${amount(total, 'bytes')}${limit}${again}`
}

/** All of the plan as lines: micro-batch and recomputation, bytes by kind of tensor, total memory. */
export function describePlan(plan: RunPlan, { batch, storage }: Pick<TrainConfig, 'batch' | 'storage'>): string[] {
  const { size, microBatch, others, total, budget, step } = plan
  const { dispatches, persistent, intermediates, arenas, live, largest } = step
  const bytes = (n: number) => amount(n, 'bytes')
  const kinds = (each: Partial<Record<string, number>>) =>
    Object.entries(each)
      .filter(([, n]) => n)
      .map(([kind, n]) => `${kind} ${bytes(n!)}`)
      .join(', ')
  const images = `${microBatch} of ${batch} ${batch === 1 ? 'image' : 'images'} at once`
  return [
    `step: input ${size} × ${size}; ${images}; ${recomputationText(plan)}; ${storage === 'f16' ? 'activations stored as f16; ' : ''}${dispatches} dispatches; persistent: ${kinds(persistent)}`,
    `intermediates: ${kinds(intermediates)}, sharing ${bytes(arenas)}, at most ${bytes(live)} in use at once; ` +
      `largest binding: ${largest.label}, ${bytes(largest.bytes)}`,
    `memory: ${bytes(total)} planned${budget === null ? '' : ` of ${bytes(budget)}`}` +
      (others ? `, ${bytes(others)} of them for validations and frozen blocks` : ''),
  ]
}
