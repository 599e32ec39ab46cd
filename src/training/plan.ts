/** @file What a training step costs on the GPU, in words. */
import type { Report } from '../../engine/graph/report'
import { amount } from '../host/progress'

/** Lines for the run's log: dispatches, bytes by kind, and the most that is held at once. */
export function describePlan({ dispatches, persistent, intermediates, arenas, peak }: Report): string[] {
  const kinds = (bytes: Partial<Record<string, number>>) =>
    Object.entries(bytes)
      .filter(([, n]) => n)
      .map(([kind, n]) => `${kind} ${amount(n!, 'bytes')}`)
      .join(', ')
  return [
    `step: ${dispatches} dispatches; held: ${kinds(persistent)}`,
    `intermediates: ${kinds(intermediates)}, sharing ${amount(arenas, 'bytes')}; all together ${amount(peak, 'bytes')}`,
  ]
}
