import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { attention } from '../../../engine/ops/attention'
import { attentionMaterialised } from '../../../engine/ops/attention-materialised'
import type { AttentionOptions } from '../../../engine/ops/attention-shape'
import { windowMap } from '../../../engine/ops/windows'
import { type AttentionCase, attentionReference, sizes } from '../../support/attention-reference'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { randomArray, relativeError } from '../../support/random'

const usual = engine.variants
test.after.each(() => void (engine.variants = usual))

test('the materialised attention, forward and backward', async () => {
  const c: AttentionCase = { batch: 2, height: 3, width: 4, window: 2, heads: 3, head: 16, relative: true, bias: true }
  const { channels, tokens } = sizes(c)
  const map = windowMap(engine, { batch: 2, height: 3, width: 4, window: 2 })
  await checkOp({
    inputs: {
      qkv: { shape: [tokens + 1, 3 * channels], grad: true },
      h: { shape: [3, 16] },
      w: { shape: [3, 16] },
      bias: { shape: [3, 4, 4] },
    },
    build: (g, { qkv, h, w, bias }) => attentionMaterialised(g, qkv, { heads: 3, map, relPos: { h, w }, bias }),
    reference: (inputs) => attentionReference(c, inputs),
    samples: 24,
  })
})

test('after a fused forward pass, the gradient by matrix products', async () => {
  const c: AttentionCase = { batch: 1, height: 6, width: 11, window: 0, heads: 2, head: 8, relative: true, bias: true }
  const { channels, tokens, length, sideH, sideW } = sizes(c)
  const map = windowMap(engine, { batch: 1, height: 6, width: 11, window: 0 })
  engine.variants = { ...usual, attentionBackward: { short: 'products', long: 'fused' } }
  let recorded: Graph
  await checkOp({
    inputs: {
      qkv: { shape: [tokens, 3 * channels], grad: true },
      h: { shape: [2 * sideH - 1, 8] },
      w: { shape: [2 * sideW - 1, 8] },
      bias: { shape: [2, length, length] },
    },
    build: (g, { qkv, h, w, bias }) => {
      recorded = g
      return attention(g, qkv, { heads: 2, map, relPos: { h, w }, bias })
    },
    reference: (inputs) => attentionReference(c, inputs),
    samples: 24,
  })
  const labels = recorded!.dispatches.map(({ label }) => label)
  assert.ok(labels.includes('attention-materialised/sum_terms'), labels.join(' '))
  assert.not(
    labels.some((one) => one.includes('backward_q')),
    labels.join(' '),
  )
})

/** Output and gradient of both, on the same random values. Returns the dispatches of `attention`. */
async function compare(
  shape: { batch: number; height: number; width: number; window: number },
  heads: number,
  head: number,
  terms: { relative?: boolean; bias?: boolean },
  maxScores?: number,
): Promise<string[]> {
  const map = windowMap(engine, shape)
  const results: Float32Array[][] = []
  const labels: string[] = []
  for (const fused of [true, false]) {
    const g = new Graph(engine, true)
    const qkv = g.input('qkv', [map.tokens + (map.pads ? 1 : 0), 3 * heads * head])
    qkv.requiresGrad = true
    const inputs = [qkv]
    const options: AttentionOptions = { heads, map }
    if (terms.relative) {
      options.relPos = { h: g.input('h', [2 * map.sideH - 1, head]), w: g.input('w', [2 * map.sideW - 1, head]) }
      inputs.push(options.relPos.h, options.relPos.w)
    }
    if (terms.bias) inputs.push((options.bias = g.input('bias', [heads, map.length, map.length])))
    const out = g.keep(fused ? attention(g, qkv, options) : attentionMaterialised(g, qkv, options, maxScores))
    const upstream = g.input('upstream', out.shape)
    g.backward(out, upstream)
    const gradient = g.keep(g.gradientOf(qkv)!)
    if (fused) labels.push(...g.dispatches.map(({ label }) => label))
    const program = await g.compile()
    program.poison()
    ;[...inputs, upstream].forEach((tensor, i) => program.write(tensor, randomArray(i + 1, tensor.size)))
    program.run()
    results.push([await program.read(out), await program.read(gradient)])
    program.destroy()
  }
  results[0].forEach((values, i) => {
    const error = relativeError(values, results[1][i])
    assert.ok(error < 2e-6, `${i ? 'gradient' : 'output'}: fused and materialised differ by ${error}`)
  })
  return labels
}

test('fused and materialised agree where float64 would take long', async () => {
  await compare({ batch: 1, height: 16, width: 16, window: 14 }, 2, 64, { relative: true })
  await compare({ batch: 2, height: 16, width: 12, window: 0 }, 2, 32, { relative: true })
  await compare({ batch: 1, height: 16, width: 16, window: 7 }, 4, 32, { bias: true })
})

test('scores in several chunks: windows, and heads of one window', async () => {
  const shape = { batch: 1, height: 6, width: 6, window: 4 }
  const bytes = 16 * 16 * 4
  for (const matrices of [7, 2]) await compare(shape, 3, 16, { relative: true, bias: true }, matrices * bytes)
})

test('windows are classed by their length: only those that are asked for have gradients by products', async () => {
  for (const [attentionBackward, window, byProducts] of [
    [{ short: 'fused', long: 'products' }, 0, true],
    [{ short: 'products', long: 'fused' }, 0, false],
    [{ short: 'products', long: 'fused' }, 14, true],
    [{ short: 'fused', long: 'products' }, 14, false],
    [{ short: 'products', long: 'products' }, 7, false],
  ] as const) {
    engine.variants = { ...usual, attentionBackward }
    const labels = await compare({ batch: 1, height: 17, width: 16, window }, 2, 16, { relative: true })
    assert.is(!labels.some((one) => one.includes('backward_q')), byProducts, `window ${window}: ${labels.join(' ')}`)
  }
})

test.run()
