/**
 * @file The parameters that train beside a model's frozen weights: LoRA's matrices, or the targets' differences from
 * the base, and the prompt head.
 */
import { Graph } from '../../engine/graph/graph'
import type { SamModel } from '../../engine/sam/sam-model'
import { recordExchange } from '../../engine/train/adam'
import type { AttachedAdapter } from '../../engine/train/attached-adapter'
import { attachFull, fullSpecs } from '../../engine/train/full-tuning'
import { type AdaptedLayer, type LoraConfig, attachLora, loraLayers, loraSpecs } from '../../engine/train/lora'
import { ParameterSet, type ParameterSpec } from '../../engine/train/parameters'
import { PromptHead } from '../../engine/sam/prompt-head'
import { promptHeadSpecs } from '../../engine/train/prompt-head-parameters'
import { Rng } from '../../engine/rng'
import { messageOf, UserError } from '../host/errors'
import { DEFAULT_RANK, type TrainConfig } from './config'
import { type StartingAdapter, withStartingValues } from './starting-values'

export interface Adaptation {
  layers: AdaptedLayer[]
  parameters: ParameterSet
  /** The number of the adapter's parameters: all but those of the prompt head. */
  adapterParameters: number
  /** Records the update of the model's weights that must follow every change of the parameters. */
  record(g: Graph): void
  /** Submits the same at once, after the host has written the parameters. */
  refresh(): void
  /**
   * Runs something while the parameters have the values of their moving average, if they have one. What trains must not
   * run meanwhile.
   */
  withAverage<T>(use: () => Promise<T>): Promise<T>
  /** Detaches the adapter and frees it and the parameters. */
  release(): void
}

/** The engine's LoRA configuration of a run; alpha is the rank by default. */
export const loraConfig = ({ lora }: TrainConfig): LoraConfig => ({ ...lora, alpha: lora.alpha ?? lora.rank })

/**
 * Attaches a new adapter to the model, as the configuration says. With `zero` all its values are zero, which saves the
 * time for random numbers when only memory is planned. With `start` it begins with the values of that adapter.
 * @throws UserError if the configuration adapts no layer of the model, or a parameter exceeds the largest binding
 */
export async function openAdaptation(
  model: SamModel,
  config: TrainConfig,
  log: (line: string) => void,
  { zero = false, start = null }: { zero?: boolean; start?: StartingAdapter | null } = {},
): Promise<Adaptation> {
  const attached = await attach(model, config, log, zero, start)
  const { parameters, refresh } = attached
  if (!parameters.averaged) return { ...attached, withAverage: (use) => use() }
  const g = new Graph(model.engine)
  recordExchange(g, parameters)
  const program = await g.compile()
  const exchange = () => (program.run(), refresh())
  return {
    ...attached,
    async withAverage(use) {
      exchange()
      try {
        return await use()
      } finally {
        exchange()
      }
    },
    release: () => (program.destroy(), attached.release()),
  }
}

async function attach(
  model: SamModel,
  config: TrainConfig,
  log: (line: string) => void,
  zero: boolean,
  start: StartingAdapter | null,
): Promise<Omit<Adaptation, 'withAverage'>> {
  const lora = loraConfig(config)
  const { engine } = model
  const { promptHead: earlier } = model
  const layers = asUserError(() => loraLayers(model, lora))
  const head = config.head.weight > 0 ? await promptHeadSpecs(model, zero ? null : new Rng(config.seed, 0x4ead)) : []
  const trained = (specs: ParameterSpec[]) => {
    const fresh = [...specs, ...head]
    const all = start ? withStartingValues(fresh, layers, start) : fresh
    const parameters = asUserError(() => new ParameterSet(engine, all, engine.maxBinding, config.average > 0))
    if (head.length) model.promptHead = new PromptHead((name) => parameters.get(name))
    return parameters
  }
  const release = (adapter: AttachedAdapter, parameters: ParameterSet) => {
    model.promptHead = earlier
    adapter.release()
    parameters.release()
  }
  const headParameters = head.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  const counted = (parameters: ParameterSet) => ({ parameters, adapterParameters: parameters.count - headParameters })
  if (config.lora.kind === 'full') {
    const parameters = trained(fullSpecs(layers))
    const { adapter, record, refresh } = await attachFull(engine, layers, (name) => parameters.get(name))
    return { layers, ...counted(parameters), record, refresh, release: () => release(adapter, parameters) }
  }
  const random = zero ? null : new Rng(config.seed, 0x10a)
  const parameters = trained(loraSpecs(layers, lora.rank, random))
  const adapter = attachLora(layers, lora, (name) => parameters.get(name))
  // the default rank is the one that won where it was measured, matrices of this size included
  if (lora.rank !== DEFAULT_RANK) warnOfRank(layers, lora.rank, log)
  return { layers, ...counted(parameters), record() {}, refresh() {}, release: () => release(adapter, parameters) }
}

/** Reports errors of the engine that are mistakes in the configuration. */
function asUserError<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new UserError(messageOf(error))
  }
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
