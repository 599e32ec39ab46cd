/** @file What a plan recomputes, in words. */
import type { RunPlan } from './memory-planner'

/** Says what a plan recomputes, for people. */
export function recomputationText({ step: { segments } }: Pick<RunPlan, 'step'>): string {
  const of = (part: string) => segments.filter(({ name }) => name.startsWith(part))
  const blocks = of('encoder.')
  const again = blocks.filter(({ recompute }) => recompute).length
  const decoder = of('decoder.').some(({ recompute }) => recompute)
  const parts = [
    ...(again
      ? [`${again === blocks.length ? `all ${again}` : `the first ${again} of ${blocks.length}`} encoder blocks`]
      : []),
    ...(decoder ? ['the mask decoder'] : []),
  ]
  return `${parts.join(' and ') || 'nothing'} recomputed in the backward pass`
}
