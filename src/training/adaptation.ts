/** @file The parameters that train beside a model's frozen weights: LoRA's matrices, or the targets' differences from the base. */
import type { Graph } from '../../engine/graph/graph'
import type { SamModel } from '../../engine/sam/sam-model'
import { attachFull, fullSpecs } from '../../engine/train/full-tuning'
import { type AdaptedLayer, type LoraConfig, attachLora, loraLayers, loraSpecs } from '../../engine/train/lora'
import { ParameterSet } from '../../engine/train/parameters'
import { Rng } from '../../engine/rng'
import { messageOf, UserError } from '../host/errors'
import type { TrainConfig } from './config'

export interface Adaptation {
  layers: AdaptedLayer[]
  parameters: ParameterSet
  /** Records what must follow every change of the parameters. */
  record(g: Graph): void
  /** Does that at once: after parameters were written from the host. */
  refresh(): void
  /** Detaches and frees all of it. */
  release(): void
}

export const loraConfig = ({ lora }: TrainConfig): LoraConfig => ({ ...lora, alpha: lora.alpha ?? lora.rank })

/**
 * Attaches a new adapter to the model, as the configuration says; with `zero` all of it is zero, which takes no time.
 * @throws UserError where it names nothing
 */
export async function openAdaptation(
  model: SamModel,
  config: TrainConfig,
  log: (line: string) => void,
  { zero = false } = {},
): Promise<Adaptation> {
  const lora = loraConfig(config)
  const { engine } = model
  const layers = user(() => loraLayers(model, lora))
  if (config.lora.kind === 'full') {
    const parameters = user(() => new ParameterSet(engine, fullSpecs(layers)))
    const { adapter, record, refresh } = await attachFull(engine, layers, (name) => parameters.get(name))
    return { layers, parameters, record, refresh, release: () => (adapter.release(), parameters.release()) }
  }
  const random = zero ? null : new Rng(config.seed, 0x10a)
  const parameters = user(() => new ParameterSet(engine, loraSpecs(layers, lora.rank, random)))
  const adapter = attachLora(layers, lora, (name) => parameters.get(name))
  warnOfRank(layers, lora.rank, log)
  const release = () => (adapter.release(), parameters.release())
  return { layers, parameters, record() {}, refresh() {}, release }
}

/** A mistake in the configuration that only the engine can see. */
function user<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new UserError(messageOf(error))
  }
}

/** How many of all matrices have adapters with more parameters than themselves: r·(in + out) > in·out. */
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
