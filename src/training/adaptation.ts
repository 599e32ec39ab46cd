/** @file Attaches the adapter of a run's configuration to a model, and says what is unusual about it. */
import { type Adaptation, openAdaptation as attachNew } from '../../engine/finetune/adaptation'
import type { SamModel } from '../../engine/sam/sam-model'
import { SettingError } from '../../engine/setting-error'
import type { AdaptedLayer } from '../../engine/train/lora'
import { UserError } from '../host/errors'
import type { TrainConfig } from './config'
import { DEFAULT_RANK } from './config-schema'
import { type StartingAdapter, startWith } from '../../engine/finetune/starting-values'

/**
 * Attaches a new adapter to the model, as the configuration says; with `start` it begins with the values of that adapter.
 * @param zero see AdaptationOptions
 * @throws UserError if the configuration adapts no layer of the model, or a parameter exceeds the largest binding
 */
export async function openAdaptation(
  model: SamModel,
  config: TrainConfig,
  log: (line: string) => void,
  { zero, start = null }: { zero?: boolean; start?: StartingAdapter | null } = {},
): Promise<Adaptation> {
  const adaptation = await attachNew(model, config, {
    zero,
    start: start && startWith(start),
  }).catch((error: unknown) => {
    throw error instanceof SettingError ? new UserError(error.message) : error
  })
  const { kind, rank } = config.lora
  // the default rank is the one that won where it was measured, matrices of this size included
  if (kind === 'lora' && rank !== DEFAULT_RANK) warnOfRank(adaptation.layers, rank, log)
  return adaptation
}

/** `dense` of `all` matrices have adapters with more parameters than the matrices themselves: r·(in + out) > in·out. */
export function pastBreakEven(layers: readonly AdaptedLayer[], rank: number): { dense: number; all: number } {
  const sides = layers.flatMap(({ linear, parts }) =>
    parts.map(({ start, end }) => [end - start, linear.weight.shape[1]]),
  )
  const dense = sides.filter(([rows, columns]) => rank * (rows + columns) > rows * columns).length
  return { dense, all: sides.length }
}

function warnOfRank(layers: readonly AdaptedLayer[], rank: number, log: (line: string) => void): void {
  const { dense, all } = pastBreakEven(layers, rank)
  if (!dense) return
  log(
    `note: at rank ${rank} the adapters of ${dense} of ${all} matrices have more parameters than the matrices ` +
      `themselves (half their width is the limit); a lower --rank learns as much there, or --kind full`,
  )
}
