/** Kernels whose number of lanes, or of elements a lane, depends on the kind of adapter give the same numbers with both. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tensor } from '../../../engine/device/tensor'
import { Graph } from '../../../engine/graph/graph'
import { depthwiseConv3x3 } from '../../../engine/ops/depthwise'
import { layerNorm } from '../../../engine/ops/layernorm'
import { activate } from '../../../engine/ops/pointwise'
import { resizeBilinear } from '../../../engine/ops/resize'
import { gatherRows } from '../../../engine/ops/rows'
import { softmax } from '../../../engine/ops/softmax'
import { asGpu } from '../../support/as-gpu'
import { engine } from '../../support/engine'
import { randomArray, relativeError } from '../../support/random'

interface Recorded {
  /** The value of a uniform or the grid that must differ between the kinds of adapter. */
  settings: string
  results: Float32Array[]
}

/** Output and gradient of an operation on x, in poisoned memory. */
async function record(shape: number[], build: (g: Graph, x: Tensor) => Tensor): Promise<Recorded> {
  const g = new Graph(engine, true)
  const x = g.input('x', shape)
  x.requiresGrad = true
  const y = g.keep(build(g, x))
  const upstream = g.input('upstream', y.shape)
  g.backward(y, upstream)
  const dx = g.keep(g.gradientOf(x)!)
  const program = await g.compile()
  program.poison()
  program.write(x, randomArray(1, x.size))
  program.write(upstream, randomArray(2, y.size))
  program.run()
  const results = [await program.read(y), await program.read(dx)]
  program.destroy()
  return { settings: JSON.stringify(g.dispatches.map(({ groups }) => groups)), results }
}

async function compare(what: string, shape: number[], build: (g: Graph, x: Tensor) => Tensor): Promise<void> {
  const usual = await record(shape, build)
  const gpu = await asGpu(engine, () => record(shape, build))
  if (engine.software) assert.not.equal(gpu.settings, usual.settings, `${what}: the grids should differ`)
  for (const [i, name] of ['output', 'gradient'].entries()) {
    assert.not(gpu.results[i].some(Number.isNaN), `${what}: an ${name} was not written`)
    const error = relativeError(gpu.results[i], usual.results[i])
    assert.ok(error < 1e-6, `${what}: ${name} ${error}`)
  }
}

const weights = (label: string, size: number) => engine.persistent('weight', label, [size], randomArray(size, size))

test('LayerNorm, 8 to 32 lanes a row', async () => {
  for (const [rows, columns] of [
    [37, 64],
    [35, 160],
    [33, 320],
    [18, 768],
  ]) {
    const [gamma, beta] = [weights('gamma', columns), weights('beta', columns)]
    const norm = (g: Graph, x: Tensor) => layerNorm(g, x, gamma, beta, { eps: 1e-6, activation: 'gelu' })
    await compare(`LayerNorm ${rows}x${columns}`, [rows, columns], norm)
    engine.release(gamma)
    engine.release(beta)
  }
})

test('elementwise kernels, copies of rows and resizing, several elements a lane', async () => {
  await compare('GELU', [1031, 2048], (g, x) => activate(g, x, 'gelu'))
  await compare('GELU of single floats', [1029, 1029], (g, x) => activate(g, x, 'gelu'))
  const index = engine.persistent('input', 'index', [5], Uint32Array.of(2, 0, 2, 7, 1))
  await compare('gather by four', [3, 524292], (g, x) => gatherRows(g, x, index))
  await compare('gather by one', [3, 262147], (g, x) => gatherRows(g, x, index))
  const size = { batch: 3, height: 131, width: 70, outHeight: 600, outWidth: 333 }
  await compare('resize', [3, 131, 70, 1], (g, x) => resizeBilinear(g, x, size))
  engine.release(index)
})

test('depthwise convolution, several pixels a lane', async () => {
  const weight = engine.persistent('weight', 'weight', [9, 32], randomArray(3, 288))
  for (const stride of [1, 2] as const)
    await compare(`stride ${stride}`, [2 * 257 * 131, 32], (g, x) =>
      depthwiseConv3x3(g, x, { batch: 2, height: 257, width: 131, stride, weight }),
    )
  engine.release(weight)
})

test('softmax of many long rows', () => compare('softmax', [600, 130], (g, x) => softmax(g, x)))

test.run()
