/** @file A training that begins with an adapter: the settings that the adapter decides, and its values as parameters. */
import { concatenate } from '../train/concatenate'
import { promptHeadShapes, toHeadLayout, type HeadTensor } from '../sam/prompt-head'
import { SettingError } from '../setting-error'
import { type AnyAdapter, isDifference, partOf, targetsOf } from '../train/adapter'
import type { AdaptedLayer, LoraTarget } from '../train/lora'
import type { ParameterSpec } from '../train/parameters'
import type { AdapterRecipe } from './recipe'

/** An adapter to begin with, as `train` returns it and `openAdapter` reads it. */
export interface StartingAdapter {
  /** Names it in messages; 'the adapter' by default. */
  name?: string
  adapter: AnyAdapter
  /** The tensors of its prompt head; without them a new one is trained. */
  head?: readonly HeadTensor[]
}

export const nameOf = ({ name = 'the adapter' }: Pick<StartingAdapter, 'name'>): string => name

/** Names of what LoRA can adapt (see LORA_TARGETS) by the paths of the layers. */
const targetNames: [RegExp, (match: RegExpExecArray) => string][] = [
  [/^image_encoder\..*\.attn\.([qkv]|proj)$/, ([, part]) => part],
  [/^image_encoder\..*\.mlp\.(?:lin|fc)([12])$/, ([, number]) => `lin${number}`],
  [/^mask_decoder\.transformer\..*\.([qkv]|out)_proj$/, ([, part]) => `decoder.${part}`],
  [/^mask_decoder\.iou_prediction_head\.layers\.\d+$/, () => 'decoder.iou'],
]
const BLOCK = /^image_encoder\.((?:layers\.\d+\.)?blocks\.\d+)\./
const LAYER = /^image_encoder\.((?:layers\.\d+\.)?blocks\.\d+)\.attn\.qkv$/

/**
 * The settings of LoRA, or of full tuning, that an adapter was trained with: those of a training that begins with it.
 * @param layers the paths of the model's linear layers
 * @throws SettingError if it adapts what wgsam does not train, or belongs to another model
 */
export function adapterSettings(start: StartingAdapter, layers: Iterable<string>): Partial<AdapterRecipe['lora']> {
  const { adapter } = start
  const targets = new Set<LoraTarget>()
  const blocks = new Set<string>()
  const paths = new Set(layers)
  for (const target of targetsOf(adapter).keys()) {
    if (!paths.has(partOf(target)?.layer ?? target))
      throw new SettingError(
        `${nameOf(start)} adapts ${target}, which this model does not have: it is of another model`,
      )
    const found = targetNames.flatMap(([pattern, named]) => {
      const match = pattern.exec(target)
      return match ? [named(match) as LoraTarget] : []
    })
    if (!found.length) throw new SettingError(`${nameOf(start)}: it adapts ${target}, which wgsam does not train`)
    targets.add(found[0])
    const block = BLOCK.exec(target)
    if (block) blocks.add(block[1])
  }
  const all = [...paths].flatMap((path) => LAYER.exec(path)?.[1] ?? [])
  const chosen = blocks.size && all.some((block) => !blocks.has(block)) ? [...blocks] : null
  const adapted = { targets: [...targets], blocks: chosen }
  if (isDifference(adapter)) return { kind: 'full', ...adapted }
  const { r, lora_alpha, use_rslora } = adapter.config
  return { kind: 'lora', rank: r, alpha: lora_alpha, rslora: use_rslora, ...adapted }
}

/** Whether a given setting of LoRA says the same as the adapter; alpha null, which is the default, is the rank. */
export function sameLora(key: string, given: unknown, own: unknown, rank: unknown): boolean {
  if (key === 'alpha' && given === null) return own === rank
  if (key === 'rank' && given === 'auto') return true
  const sorted = (value: unknown) => JSON.stringify(Array.isArray(value) ? [...value].map(String).sort() : value)
  return sorted(given) === sorted(own)
}

/** True if a prompt head has the widths of those that wgsam trains. @param channels of the model's image embedding */
export function usualHead(head: readonly HeadTensor[], channels: number): boolean {
  const usual = promptHeadShapes(channels)
  return head.every(({ name, shape }) => String(shape) === String(usual.get(name)))
}

/** The option `start` of an adaptation that begins with an adapter. */
export const startWith =
  (start: StartingAdapter) =>
  (specs: readonly ParameterSpec[], layers: readonly AdaptedLayer[]): ParameterSpec[] =>
    withStartingValues(specs, layers, start)

/**
 * Parameters with the values of an adapter in the place of their initial ones. A row of A that is zero in a rank where B is zero
 * too, as in a layer of lower rank than the others, keeps its initial value: it changes no output, and could not learn at zero.
 * @throws SettingError if the adapter does not have exactly these layers, of this kind and rank
 */
function withStartingValues(
  specs: readonly ParameterSpec[],
  layers: readonly AdaptedLayer[],
  start: StartingAdapter,
): ParameterSpec[] {
  const { adapter, head = [] } = start
  const path = nameOf(start)
  const targets = targetsOf(adapter)
  const names = layers.flatMap(({ parts }) => parts.map(({ name }) => name))
  const missing = names.find((name) => !targets.has(name))
  if (missing !== undefined)
    throw new SettingError(
      `${path} does not adapt ${missing}, though it adapts such layers of other blocks: a training cannot begin with it`,
    )
  const known = new Set(names)
  const other = [...targets.keys()].find((name) => !known.has(name))
  if (other !== undefined)
    throw new SettingError(`${path} adapts ${other}, which the training does not: a training cannot begin with it`)
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
  for (const tensor of head) values.set(tensor.name, toHeadLayout(tensor).data)
  return specs.map((spec) => {
    const known = values.get(spec.name)
    if (!known) {
      if (/\.(delta|lora_[AB])$/.test(spec.name))
        throw new SettingError(`${path} is not an adapter of the kind that is trained`)
      return spec
    }
    if (known.length !== spec.init.length)
      throw new SettingError(`${path} is not of the rank or the shapes that is trained (${spec.name})`)
    const init = spec.name.endsWith('.lora_A')
      ? withoutDeadRanks(known, values.get(spec.name.replace(/A$/, 'B'))!, spec, layers)
      : known
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
