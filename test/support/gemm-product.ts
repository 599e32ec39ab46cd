/** @file A product of random matrices by the kernels that the engine's variants choose, and its float64 reference. */
import type { Layout } from '../../engine/device/matmul-class'
import { Graph } from '../../engine/graph/graph'
import { gemm } from '../../engine/ops/gemm'
import { engine } from './engine'
import { randomArray } from './random'

/** Computes the product twice, in poisoned memory. `entries` are the kernels of its dispatches. */
export async function productTwice(layout: Layout, m: number, n: number, k: number, batches: number) {
  const g = new Graph(engine)
  const a = g.input('A', layout === 'tn' ? [batches * k, m] : [batches * m, k])
  const b = g.input('B', layout === 'nt' ? [batches * n, k] : [batches * k, n])
  const c = g.keep(g.tensor('C', [batches * m, n]))
  const part = (tensor: typeof a) => ({ tensor, stride: tensor.columns, batch: tensor.size / batches })
  gemm(g, { layout, m, n, k, batches, a: part(a), b: part(b), c: part(c) })
  const entries = g.dispatches.map(({ entry }) => entry)
  const program = await g.compile()
  const results = []
  for (let i = 0; i < 2; i++) {
    program.poison()
    program.write(a, randomArray(1, a.size))
    program.write(b, randomArray(2, b.size))
    program.run()
    results.push(await program.read(c))
  }
  program.destroy()
  return { c: results[0], again: results[1], entries }
}

export function productReference(layout: Layout, m: number, n: number, k: number, batches: number): Float64Array {
  const [a, b] = [randomArray(1, batches * m * k), randomArray(2, batches * n * k)]
  const y = new Float64Array(batches * m * n)
  for (let e = 0; e < batches; e++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++)
        for (let l = 0; l < k; l++)
          y[(e * m + i) * n + j] +=
            a[e * m * k + (layout === 'tn' ? l * m + i : i * k + l)] *
            b[e * n * k + (layout === 'nt' ? j * k + l : l * n + j)]
  return y
}
