/** @file Which form of products and of attention is the fastest on this adapter: each is timed at a model's shapes. */
import type { Engine } from '../engine/device/engine'
import { ATTENTION_FORMS, type Forms, PRODUCT_FORMS, runs } from '../engine/device/forms'
import type { MicroCase } from './case'
import type { Clock } from './clock'
import { cases as attention } from './ops/attention'
import { cases as gemm } from './ops/gemm'
import { cases as lora } from './ops/lora'
import { runMicro } from './run-micro'

/** What a form takes for all of its cases together, medians, milliseconds; null where the adapter cannot run them. */
export interface FormTime {
  form: string
  ms: number | null
}

export interface Tuning {
  products: FormTime[]
  attention: FormTime[]
  /** The fastest of each. */
  best: Forms
}

export interface TuneOptions {
  clock: Clock
  /** Milliseconds a case. */
  budget: number
  stop(): boolean
  onForm?(what: string): void
}

/** Shapes of ViT-B at 512 for a GPU, the small set for a software adapter; the oracle of attention is no form. */
export function tuneCases(software: boolean): Record<keyof Forms, MicroCase[]> {
  const wanted = (names: string[]) => (one: MicroCase) =>
    software ? one.quick : names.some((name) => one.name.includes(name))
  return {
    products: [
      ...gemm.filter(wanted(['ViT-B 512, eight images, lin1', 'ViT-B 1024, proj'])),
      ...lora.filter(wanted(['lora rank 16 8192', 'lora rank 512 8192'])),
    ],
    attention: attention.filter(wanted(['attention 32x32 window 14 heads 12', 'attention 32x32 window 32 heads 12'])),
  }
}

/**
 * Times every form that the device can run. The engine is left with the best ones. Null where it was stopped.
 * @throws Error where no form of one kind runs
 */
export async function tune(
  engine: Engine,
  cases: Record<keyof Forms, MicroCase[]>,
  { clock, budget, stop, onForm = () => {} }: TuneOptions,
): Promise<Tuning | null> {
  const timed = async (kind: keyof Forms, form: string): Promise<FormTime> => {
    Object.assign(engine, { [kind]: form })
    let ms = 0
    try {
      for (const one of cases[kind]) {
        onForm(`${kind} ${form}: ${one.name}`)
        for (const row of await runMicro(engine, one, { clock, budget, stop }, null)) ms += row.ms.median
        if (stop()) break
      }
      return { form, ms }
    } catch {
      engine.check()
      return { form, ms: null }
    }
  }
  const usual = { products: engine.products, attention: engine.attention }
  const found: Record<keyof Forms, FormTime[]> = { products: [], attention: [] }
  for (const [kind, forms] of [
    ['products', PRODUCT_FORMS],
    ['attention', ATTENTION_FORMS],
  ] as const) {
    for (const form of forms) {
      if (!runs(form, engine.subgroupSize)) continue
      found[kind].push(await timed(kind, form))
      if (stop()) {
        Object.assign(engine, usual)
        return null
      }
    }
    Object.assign(engine, { [kind]: fastest(found[kind]) })
  }
  return { ...found, best: { products: engine.products, attention: engine.attention } }
}

function fastest(times: readonly FormTime[]): string {
  const ran = times.filter((time): time is { form: string; ms: number } => time.ms !== null)
  if (!ran.length) throw new Error(`none of the forms ${times.map(({ form }) => form).join(', ')} runs on this adapter`)
  return ran.reduce((best, time) => (time.ms < best.ms ? time : best)).form
}

/** A line a form, the fastest marked. */
export function tuningTable({ products, attention, best }: Tuning): string {
  const lines = (kind: keyof Forms, times: FormTime[]) =>
    times.map(({ form, ms }) => {
      const time = ms === null ? 'does not run' : `${ms.toPrecision(4)} ms`
      return `${kind.padEnd(10)} ${form.padEnd(12)} ${time.padStart(14)}${best[kind] === form ? '  fastest' : ''}`
    })
  return [...lines('products', products), ...lines('attention', attention)].join('\n')
}
