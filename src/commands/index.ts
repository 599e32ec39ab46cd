/** @file The table of commands, in the order of a typical workflow. Each module is loaded only when needed. */
import type { Command } from '../cli/command'

export const commands: Record<string, () => Promise<{ command: Command }>> = {
  start: () => import('./start'),
  doctor: () => import('./doctor'),
  verify: () => import('./verify'),
  bench: () => import('./bench'),
  fetch: () => import('./fetch'),
  generate: () => import('./generate'),
  review: () => import('./review'),
  dataset: () => import('./dataset'),
  train: () => import('./train'),
  eval: () => import('./eval'),
  ablate: () => import('./ablate'),
  plan: () => import('./plan'),
  report: () => import('./report'),
  measure: () => import('./measure'),
  predict: () => import('./predict'),
  merge: () => import('./merge'),
  synth: () => import('./synth'),
  playground: () => import('./playground'),
  demo: () => import('./demo'),
}
