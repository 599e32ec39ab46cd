/** @file The Adam update of all parameters, including the gradient norm and the check for finite gradients. Memory-bound. */
import { defaultOptimizer, optimizerState, recordOptimizerStep } from '../../engine/train/adam'
import { ParameterSet } from '../../engine/train/parameters'
import { type MicroCase, floats, noise } from '../micro-case'

const sizes = [
  { count: 18_874_368, usage: 'ViT-B, rank 512 on q and v', quick: false },
  { count: 589_824, usage: 'ViT-B, rank 16 on q and v', quick: true },
]

export const adamCases: MicroCase[] = sizes.map(({ count, usage, quick }) => ({
  name: `adam ${count} (${usage})`,
  quick,
  record(bench) {
    const parameters = new ParameterSet(bench.engine, [{ name: 'all', shape: [count], init: noise(count) }])
    const { state, report } = recordOptimizerStep(bench.g, parameters, { ...defaultOptimizer, maxNorm: 1 })
    bench.owns(() => (parameters.release(), bench.engine.release(report)))
    bench.writes(state, optimizerState(defaultOptimizer, 1, 1e-6))
    // values and both moments are read and written; the gradient is read twice, once for the norm
    return { output: null, forward: { flops: 0, bytes: floats(8 * count) } }
  },
}))
