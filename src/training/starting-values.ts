/** @file The values of an adapter as the parameters of a run that begins with them. */
import { promptHeadShapes, toHeadLayout } from '../../engine/sam/prompt-head'
import type { AdaptedLayer } from '../../engine/train/lora'
import type { ParameterSpec } from '../../engine/train/parameters'
import { UserError } from '../host/errors'
import { type AnyAdapter, isDifference, targetsOf } from '../../engine/train/adapter'
import { readAnyAdapter } from '../weights/any-adapter'
import { adapterHash } from '../weights/adapter-location'
import { type PromptHeadFile, readPromptHead } from '../weights/prompt-head-file'
import { sameShape } from '../weights/tensor-file'
import type { TrainConfig } from './config'

/** An adapter and its prompt head, null if it has none. */
export interface StartingAdapter {
  path: string
  adapter: AnyAdapter
  head: PromptHeadFile | null
}

/**
 * Reads the adapter that a new run begins with; null if it begins with a new one.
 * @param channels of the model's image embedding
 * @throws UserError if it cannot be read or is not the one that the configuration describes
 */
export async function readStart(
  { from, fromHash }: Pick<TrainConfig, 'from' | 'fromHash'>,
  channels: number,
): Promise<StartingAdapter | null> {
  if (from === null) return null
  const adapter = await readAnyAdapter(from)
  if (fromHash !== null && (await adapterHash(from)) !== fromHash)
    throw new UserError(`${from} has changed while the run began: start again`)
  const head = await readPromptHead(from, channels)
  const usual = promptHeadShapes(channels)
  if (head && [...head.tensors.values()].some(({ name, shape }) => !sameShape(shape, usual.get(name)!)))
    throw new UserError(
      `${from}: its prompt head has other widths than those that wgsam trains: leave it out with --no-head`,
    )
  return { path: from, adapter, head }
}

/**
 * Parameters with the values of an adapter in the place of their initial ones. A row of A that is zero in a rank where B is zero
 * too, as in a layer of lower rank than the others, keeps its initial value: it changes no output, and could not learn at zero.
 * @throws UserError if the adapter does not have exactly these layers, of this kind and rank
 */
export function withStartingValues(
  specs: readonly ParameterSpec[],
  layers: readonly AdaptedLayer[],
  { path, adapter, head }: StartingAdapter,
): ParameterSpec[] {
  const targets = targetsOf(adapter)
  const names = layers.flatMap(({ parts }) => parts.map(({ name }) => name))
  const missing = names.find((name) => !targets.has(name))
  if (missing !== undefined)
    throw new UserError(
      `${path} does not adapt ${missing}, though it adapts such layers of other blocks: a run cannot begin with it`,
    )
  const known = new Set(names)
  const other = [...targets.keys()].find((name) => !known.has(name))
  if (other !== undefined)
    throw new UserError(`${path} adapts ${other}, which the configuration does not: a run cannot begin with it`)
  const values = new Map<string, Float32Array>()
  for (const { path: layer, parts } of layers) {
    const joined = (of: (target: string) => Float32Array) => concatenate(parts.map(({ name }) => of(name)))
    if (isDifference(adapter))
      values.set(
        `${layer}.delta`,
        joined((target) => adapter.differences.get(target)!.D),
      )
    else {
      const { targets: pairs } = adapter.tensors
      values.set(
        `${layer}.lora_A`,
        joined((target) => pairs.get(target)!.A),
      )
      values.set(
        `${layer}.lora_B`,
        joined((target) => pairs.get(target)!.B),
      )
    }
  }
  for (const tensor of head?.tensors.values() ?? []) values.set(tensor.name, toHeadLayout(tensor).data)
  return specs.map((spec) => {
    const start = values.get(spec.name)
    if (!start) {
      if (/\.(delta|lora_[AB])$/.test(spec.name))
        throw new UserError(`${path} is not an adapter of the kind that the configuration trains`)
      return spec
    }
    if (start.length !== spec.init.length)
      throw new UserError(`${path} is not of the rank or the shapes that the configuration trains (${spec.name})`)
    const init = spec.name.endsWith('.lora_A')
      ? withoutDeadRanks(start, values.get(spec.name.replace(/A$/, 'B'))!, spec, layers)
      : start
    return { ...spec, init }
  })
}

function withoutDeadRanks(
  A: Float32Array,
  B: Float32Array,
  { name, shape, init }: ParameterSpec,
  layers: readonly AdaptedLayer[],
): Float32Array {
  const { parts } = layers.find(({ path }) => name === `${path}.lora_A`)!
  const [rows, width] = shape
  const rank = rows / parts.length
  const result = A.slice()
  let row = 0
  parts.forEach(({ start, end }, part) => {
    for (let r = 0; r < rank; r++) {
      const from = (part * rank + r) * width
      const zeroA = A.subarray(from, from + width).every((x) => x === 0)
      const zeroB = zeroA && every(row, row + end - start, (i) => B[i * rank + r] === 0)
      if (zeroB) result.set(init.subarray(from, from + width), from)
    }
    row += end - start
  })
  return result
}

function every(from: number, to: number, test: (i: number) => boolean): boolean {
  for (let i = from; i < to; i++) if (!test(i)) return false
  return true
}

function concatenate(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0))
  arrays.reduce((at, array) => (all.set(array, at), at + array.length), 0)
  return all
}
