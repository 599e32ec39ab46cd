/** @file The table of commands, in the order in which they are used. Each is loaded only when it is asked for. */
import type { Command } from './command'

export const commands: Record<string, () => Promise<{ command: Command }>> = {
  doctor: () => import('./doctor'),
  verify: () => import('./verify'),
  fetch: () => import('./fetch'),
  generate: () => import('./generate'),
  train: () => import('./train'),
  eval: () => import('./eval'),
  ablate: () => import('./ablate'),
  report: () => import('./report'),
  predict: () => import('./predict'),
  review: () => import('./review'),
  measure: () => import('./measure'),
  merge: () => import('./merge'),
  dataset: () => import('./dataset'),
  synth: () => import('./synth'),
  demo: () => import('./demo'),
}
