/** @file Records, runs and times one operation, forward and backward. */
import type { Engine } from '../engine/device/engine'
import { type MicroCase, type RecordedCase, type Work, Workbench } from './micro-case'
import { type Sampling, samples } from './clock'
import type { MicroRow, Rates } from './results'
import { spreadOf } from './statistics'

/** The peaks that limit all rates in the roofline model. */
export interface Roof {
  /** GB/s and GFLOP/s. */
  copy: number
  multiplyAdd: number
}

/** The rates of work that takes `ms` milliseconds, and the fraction of the roofline that they reach. */
export function ratesOf({ flops, bytes }: Work, ms: number, roof: Roof | null): Rates {
  const [gflops, gbs] = [flops / ms / 1e6, bytes / ms / 1e6]
  const [compute, memory] = roof ? [flops / roof.multiplyAdd / 1e6, bytes / roof.copy / 1e6] : [flops, 10 * bytes]
  const share = roof ? Math.max(compute, memory) / ms : null
  return { flops, bytes, gflops, gbs, share, bound: compute > memory ? 'compute' : 'memory' }
}

/** Rows of the forward and, if there is one, of the backward pass. @throws Error if the adapter cannot run it */
export async function runMicro(
  engine: Engine,
  one: MicroCase,
  sampling: Sampling,
  roof: Roof | null,
  kind: MicroRow['kind'] = 'micro',
): Promise<MicroRow[]> {
  const bench = new Workbench(engine)
  try {
    const recorded = one.record(bench)
    const { g } = bench
    const split = g.dispatches.length
    if (recorded.backward) backward(bench, recorded)
    const program = await g.compile()
    try {
      bench.fill()
      const starts = recorded.backward ? [0, split] : [0]
      const times = await samples(engine, program, starts, sampling)
      return [recorded.forward, recorded.backward].flatMap((work, i): MicroRow[] => {
        if (!work) return []
        const ms = spreadOf(times[i])
        const name = kind === 'peak' ? one.name : `${one.name}, ${i ? 'backward' : 'forward'}`
        const dispatches = i ? program.size - split : split
        return [{ kind, name, ms, dispatches, ...ratesOf(work, ms.median, roof) }]
      })
    } finally {
      program.destroy()
    }
  } finally {
    bench.release()
  }
}

function backward(bench: Workbench, { output }: RecordedCase): void {
  bench.g.backward(output!, bench.operand('upstream', ...output!.shape))
}
