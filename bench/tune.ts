/** @file Which form of products, class by class, and of attention is the fastest here: each is timed at a model's shapes. */
import type { Engine } from '../engine/device/engine'
import { ATTENTION_FORMS, type Forms, productForms, runs, usualForms } from '../engine/device/kernel-variants'
import { PRODUCT_CLASSES, type ProductClass } from '../engine/device/matmul-class'
import type { MicroCase } from './micro-case'
import type { Clock } from './clock'
import { runMicro } from './run-micro'
import type { TuneCases } from './tune-cases'

/** What a form takes for all of its cases together, milliseconds, the least seen; null where the adapter cannot run them. */
export interface FormTime<F extends string = string> {
  form: F
  ms: number | null
}

export interface Tuning {
  products: Record<ProductClass, FormTime<Forms['products'][ProductClass]>[]>
  attention: FormTime<Forms['attention']>[]
  /** What is to be kept: the fastest of each, or the usual one where no other is faster by more than the noise. */
  best: Forms
}

export interface TuneOptions {
  clock: Clock
  /** Milliseconds a case and round. */
  budget: number
  stop(): boolean
  onForm?(what: string): void
}

/** What is chosen among forms, and how the engine is told to use one. */
interface Measured<F extends string> {
  name: string
  forms: readonly F[]
  usual: F
  cases: MicroCase[]
  use(form: F): void
}

/** Each form is timed so often, in turn with the others, and its least time counts: what runs beside it comes and goes. */
const ROUNDS = 3
/** So many times the least time of a round, and a form is not timed again. */
const HOPELESS = 2
/** Another form than the usual one takes at most this share of its time: less is noise, and each form rounds differently. */
const SHARE = 0.95

/**
 * Times every form that the device can run. The engine is left with what is to be kept. Null where it was stopped.
 * @throws Error where no form of one kind runs
 */
export async function tune(engine: Engine, cases: TuneCases, options: TuneOptions): Promise<Tuning | null> {
  const { products, attention } = engine
  const usual = usualForms(engine.software, engine.subgroupSize)
  const measure = async <F extends string>(what: Measured<F>): Promise<FormTime<F>[] | null> => {
    const times: FormTime<F>[] = what.forms.map((form) => ({ form, ms: Infinity }))
    for (let round = 0; round < ROUNDS; round++) {
      const least = Math.min(...times.map(({ ms }) => ms ?? Infinity))
      for (const time of times) {
        if (time.ms === null || (round && time.ms > HOPELESS * least)) continue
        what.use(time.form)
        const ms = await timed(engine, what.cases, `${what.name} ${time.form}`, options)
        time.ms = ms === null ? null : Math.min(time.ms, ms)
        if (options.stop()) return null
      }
    }
    what.use(chosen(times, what.usual))
    return times
  }
  const found = {} as Tuning['products']
  for (const of of PRODUCT_CLASSES) {
    const times = await measure({
      name: `products ${of}`,
      forms: productForms(of, engine.subgroupSize),
      usual: usual.products[of],
      cases: cases.products[of],
      use: (form) => (engine.products = { ...engine.products, [of]: form }),
    })
    if (!times) break
    found[of] = times
  }
  const ofAttention =
    !options.stop() &&
    (await measure({
      name: 'attention',
      forms: ATTENTION_FORMS.filter((form) => runs(form, engine.subgroupSize)),
      usual: usual.attention,
      cases: cases.attention,
      use: (form) => (engine.attention = form),
    }))
  if (ofAttention)
    return { products: found, attention: ofAttention, best: { products: engine.products, attention: engine.attention } }
  Object.assign(engine, { products, attention })
  return null
}

async function timed(engine: Engine, cases: MicroCase[], what: string, options: TuneOptions): Promise<number | null> {
  const { onForm = () => {}, ...sampling } = options
  let ms = 0
  try {
    for (const one of cases) {
      onForm(`${what}: ${one.name}`)
      for (const row of await runMicro(engine, one, sampling, null)) ms += row.ms.least
      if (options.stop()) break
    }
    return ms
  } catch {
    engine.check()
    return null
  }
}

function chosen<F extends string>(times: readonly FormTime<F>[], usual: F): F {
  const ran = times.flatMap(({ form, ms }) => (ms === null ? [] : [{ form, ms }]))
  if (!ran.length) throw new Error(`none of the forms ${times.map(({ form }) => form).join(', ')} runs on this adapter`)
  const best = ran.reduce((least, time) => (time.ms < least.ms ? time : least))
  const known = ran.find(({ form }) => form === usual)
  return !known || best.ms < SHARE * known.ms ? best.form : usual
}

/** A line a form, and its time over that of the one that is kept. */
export function tuningTable({ products, attention, best }: Tuning): string {
  const lines = (what: string, times: FormTime[], kept: string) => {
    const reference = times.find(({ form }) => form === kept)!.ms!
    return times.map(({ form, ms }) => {
      const time = ms === null ? 'does not run' : `${ms.toPrecision(4)} ms`
      const ratio = form === kept ? 'kept' : ms === null ? '' : `x ${(ms / reference).toFixed(2)}`
      return `${what.padEnd(19)} ${form.padEnd(14)} ${time.padStart(12)}  ${ratio}`.trimEnd()
    })
  }
  return [
    ...PRODUCT_CLASSES.flatMap((of) => lines(`products ${of}`, products[of], best.products[of])),
    ...lines('attention', attention, best.attention),
  ].join('\n')
}
