/** @file Finds the fastest kernel variants on this adapter, for each class of matrix products and for attention, by timing. */
import type { Engine } from '../engine/device/engine'
import {
  ATTENTION_BACKWARDS,
  ATTENTION_VARIANTS,
  type AttentionBackward,
  type AttentionVariant,
  type KernelVariants,
  type MatmulVariant,
  canRun,
  defaultVariants,
  matmulVariantsFor,
  WINDOW_CLASSES,
  type WindowClass,
} from '../engine/device/kernel-variants'
import { MATMUL_CLASSES, type MatmulClass } from '../engine/device/matmul-class'
import type { MicroCase } from './micro-case'
import type { Clock } from './clock'
import { runMicro } from './run-micro'
import type { TuneCases } from './tune-cases'

/** Minimum time that a variant took for all of its cases together, in milliseconds; null if it cannot run them. */
export interface VariantTime<V extends string = string> {
  variant: V
  ms: number | null
}

export interface Tuning {
  /** What was measured; of classes and attention that were left out, nothing. */
  matmul: Record<MatmulClass, VariantTime<MatmulVariant>[]>
  attention: VariantTime<AttentionVariant>[]
  attentionBackward: Record<WindowClass, VariantTime<AttentionBackward>[]>
  /** The variants to use: the fastest, or the default one if no other is faster by more than the noise. */
  best: KernelVariants
}

export interface TuneOptions {
  clock: Clock
  /** Milliseconds for each case in each round. */
  budget: number
  stop(): boolean
  /** Parts of names: only settings with one of them in their name are measured, others stay as they are. Empty: all. */
  filter?: readonly string[]
  /** Called before each case is timed. */
  onVariant?(what: string): void
}

/** The names of the settings that are measured. */
export const TUNED = [
  ...MATMUL_CLASSES.map((one) => `matmul ${one}`),
  'attention',
  ...WINDOW_CLASSES.map((one) => `attention backward ${one}`),
]

/** One setting to choose: the variants to compare, and how to make the engine use one. */
interface Setting<V extends string> {
  name: string
  variants: readonly V[]
  byDefault: V
  cases: MicroCase[]
  use(variant: V): void
}

/** Variants are timed this often, in turns, and the minimum counts, because other processes disturb single measurements. */
const ROUNDS = 3
/** A variant that takes this many times the minimum of a round is not timed again. */
const HOPELESS = 2
/** A variant replaces the default one only if it takes at most this fraction of its time: smaller gains may be noise. */
const MAX_FRACTION = 0.95

/**
 * Times all variants that the device can run and leaves the engine with the best. Returns null if it was stopped: the engine
 * then has the variants it had before.
 * @throws Error if no variant of a setting runs
 */
export async function tune(engine: Engine, cases: TuneCases, options: TuneOptions): Promise<Tuning | null> {
  const before = engine.variants
  const byDefault = defaultVariants(engine)
  const { filter = [] } = options
  const measure = async <V extends string>(setting: Setting<V>): Promise<VariantTime<V>[] | null> => {
    if (filter.length && !filter.some((part) => setting.name.includes(part))) return []
    const times: VariantTime<V>[] = setting.variants.map((variant) => ({ variant, ms: Infinity }))
    for (let round = 0; round < ROUNDS; round++) {
      const minimum = Math.min(...times.map(({ ms }) => ms ?? Infinity))
      for (const time of times) {
        if (time.ms === null || (round && time.ms > HOPELESS * minimum)) continue
        setting.use(time.variant)
        const ms = await timed(engine, setting.cases, `${setting.name} ${time.variant}`, options)
        time.ms = ms === null ? null : Math.min(time.ms, ms)
        if (options.stop()) return null
      }
    }
    setting.use(bestOf(times, setting.byDefault))
    return times
  }
  /** The times of a setting for each key; null if it was stopped. */
  const measureEach = async <K extends string, V extends string>(
    keys: readonly K[],
    settingOf: (key: K) => Setting<V>,
  ) => {
    const times = {} as Record<K, VariantTime<V>[]>
    for (const key of keys) {
      const found = options.stop() ? null : await measure(settingOf(key))
      if (!found) return null
      times[key] = found
    }
    return times
  }
  const use = (change: (variants: KernelVariants) => Partial<KernelVariants>) =>
    (engine.variants = { ...engine.variants, ...change(engine.variants) })
  const matmul = await measureEach(MATMUL_CLASSES, (one): Setting<MatmulVariant> => ({
    name: `matmul ${one}`,
    variants: matmulVariantsFor(one, engine),
    byDefault: byDefault.matmul[one],
    cases: cases.matmul[one],
    use: (variant) => use(({ matmul }) => ({ matmul: { ...matmul, [one]: variant } })),
  }))
  const attention =
    matmul &&
    (await measureEach(['attention'], (name): Setting<AttentionVariant> => ({
      name,
      variants: ATTENTION_VARIANTS.filter((variant) => canRun(variant, engine)),
      byDefault: byDefault.attention,
      cases: cases.attention,
      use: (attention) => use(() => ({ attention })),
    })))
  const attentionBackward =
    attention &&
    (await measureEach(WINDOW_CLASSES, (one): Setting<AttentionBackward> => ({
      name: `attention backward ${one}`,
      variants: ATTENTION_BACKWARDS,
      byDefault: byDefault.attentionBackward[one],
      cases: cases.attentionBackward[one],
      use: (variant) =>
        use(({ attentionBackward }) => ({ attentionBackward: { ...attentionBackward, [one]: variant } })),
    })))
  if (attentionBackward) return { matmul, ...attention, attentionBackward, best: engine.variants }
  engine.variants = before
  return null
}

async function timed(engine: Engine, cases: MicroCase[], what: string, options: TuneOptions): Promise<number | null> {
  const { onVariant = () => {}, ...sampling } = options
  let ms = 0
  try {
    for (const one of cases) {
      onVariant(`${what}: ${one.name}`)
      for (const row of await runMicro(engine, one, sampling, null)) ms += row.ms.least
      if (options.stop()) break
    }
    return ms
  } catch {
    engine.check()
    return null
  }
}

function bestOf<V extends string>(times: readonly VariantTime<V>[], byDefault: V): V {
  const ran = times.flatMap(({ variant, ms }) => (ms === null ? [] : [{ variant, ms }]))
  if (!ran.length)
    throw new Error(`none of the variants ${times.map(({ variant }) => variant).join(', ')} runs on this adapter`)
  const best = ran.reduce((fastest, time) => (time.ms < fastest.ms ? time : fastest))
  const known = ran.find(({ variant }) => variant === byDefault)
  return !known || best.ms < MAX_FRACTION * known.ms ? best.variant : byDefault
}

/** One line for each variant: its time, and the ratio of that to the time of the variant in use. */
export function tuningTable({ matmul, attention, attentionBackward, best }: Tuning): string {
  const lines = (what: string, times: VariantTime[], kept: string) => {
    const reference = times.find(({ variant }) => variant === kept)?.ms ?? NaN
    return times.map(({ variant, ms }) => {
      const time = ms === null ? 'does not run' : `${ms.toPrecision(4)} ms`
      const ratio = variant === kept ? 'kept' : ms === null ? '' : `x ${(ms / reference).toFixed(2)}`
      return `${what.padEnd(17)} ${variant.padEnd(14)} ${time.padStart(12)}  ${ratio}`.trimEnd()
    })
  }
  return [
    ...MATMUL_CLASSES.flatMap((one) => lines(`matmul ${one}`, matmul[one], best.matmul[one])),
    ...lines('attention', attention, best.attention),
    ...WINDOW_CLASSES.flatMap((one) =>
      lines(`its gradient, ${one}`, attentionBackward[one], best.attentionBackward[one]),
    ),
  ].join('\n')
}

/** The tuning in the format of `wgsam bench --tune --json`. */
export function tuningJson({ matmul, attention, attentionBackward, best }: Tuning) {
  const rows = (times: readonly VariantTime[]) => times.map(({ variant, ms }) => ({ form: variant, ms }))
  return {
    products: Object.fromEntries(MATMUL_CLASSES.map((one) => [one, rows(matmul[one])])),
    attention: rows(attention),
    attentionBackward: Object.fromEntries(WINDOW_CLASSES.map((one) => [one, rows(attentionBackward[one])])),
    best: { products: best.matmul, attention: best.attention, attentionBackward: best.attentionBackward },
  }
}
