/** @file What a training step costs on the GPU, in words. */
import { amount } from '../host/progress'
import type { TrainConfig } from './config'
import { inWords, type RunPlan } from './memory-planner'

/** Lines for the run's log: how a step is done, bytes by kind, and the most that is held at once. */
export function describePlan(plan: RunPlan, { batch, storage }: Pick<TrainConfig, 'batch' | 'storage'>): string[] {
  const { microBatch, others, total, budget, step } = plan
  const { dispatches, persistent, intermediates, arenas, live, largest } = step
  const bytes = (n: number) => amount(n, 'bytes')
  const kinds = (each: Partial<Record<string, number>>) =>
    Object.entries(each)
      .filter(([, n]) => n)
      .map(([kind, n]) => `${kind} ${bytes(n!)}`)
      .join(', ')
  const images = `${microBatch} of ${batch} ${batch === 1 ? 'image' : 'images'} at once`
  return [
    `step: ${images}; ${inWords(plan)}; ${storage === 'f16' ? 'what waits is stored as halves (f16); ' : ''}${dispatches} dispatches; held: ${kinds(persistent)}`,
    `intermediates: ${kinds(intermediates)}, sharing ${bytes(arenas)}, of which ${bytes(live)} are in use at once; ` +
      `largest binding: ${largest.label}, ${bytes(largest.bytes)}`,
    `memory: ${bytes(total)} planned${budget === null ? '' : ` of ${bytes(budget)}`}` +
      (others ? `, ${bytes(others)} of them for validations and frozen blocks` : ''),
  ]
}
