/** @file The table of commands, in the order in which they are used. Each is loaded only when it is asked for. */
import type { Command } from '../cli/command'

export const commands: Record<string, () => Promise<{ command: Command }>> = {
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
  report: () => import('./report'),
  measure: () => import('./measure'),
  predict: () => import('./predict'),
  merge: () => import('./merge'),
  synth: () => import('./synth'),
  demo: () => import('./demo'),
}
