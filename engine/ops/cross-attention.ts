/**
 * @file Attention between separate q, k and v, for the mask decoder, in which queries or keys are only a few tokens. It is
 * computed by fused kernels (cross-attention-fused.ts), unless they do not support the sizes, or a software adapter will need
 * the backward pass: there the matrix of scores is stored, which is small. `engine.variants.crossAttention` can ask for either.
 */
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { crossAttentionFused } from './cross-attention-fused'
import type { CrossAttention } from './cross-attention-sizes'
import { type Gemm, gemm } from './gemm'
import { gatherRows } from './rows'
import { softmax } from './softmax'

export type { CrossAttention } from './cross-attention-sizes'

/**
 * q (batches·queries, C), k and v (batches·keys, C) to (batches·queries, C); C = heads·d.
 * FLOPs forward: 4·batches·queries·keys·C.
 */
export function crossAttention(g: Graph, q: Tensor, k: Tensor, v: Tensor, o: CrossAttention): Tensor {
  const { crossAttention: variant = g.engine.software && g.training ? 'stored' : 'fused' } = g.engine.variants
  return (variant === 'fused' && crossAttentionFused(g, q, k, v, o)) || withStoredScores(g, q, k, v, o)
}

function withStoredScores(g: Graph, q: Tensor, k: Tensor, v: Tensor, o: CrossAttention): Tensor {
  const { images, batches, queries, keys } = o
  if (images) {
    const byBatch = (x: Tensor, rows: number) =>
      gatherRows(g, x.reshape(x.rows / rows, rows * x.columns), images.index).reshape(batches * rows, x.columns)
    const rest = { ...o, images: null }
    if (images.side === 'queries') return withStoredScores(g, byBatch(q, queries), k, v, rest)
    return withStoredScores(g, q, byBatch(k, keys), byBatch(v, keys), rest)
  }
  const scores = similarity(g, q, k, o)
  const p = softmax(g, scores, o.counts ? { keys: o.counts, rowsPerCount: o.heads * o.queries } : {})
  return weighted(g, p, v, o)
}

/** q kᵀ / sqrt(d): (batches·heads·queries, keys). */
function similarity(g: Graph, q: Tensor, k: Tensor, o: CrossAttention): Tensor {
  const { queries, keys } = o
  const d = q.columns / o.heads
  const alpha = d ** -0.5
  const scores = g.tensor('attention scores', [o.batches * o.heads * queries, keys])
  const run = matmulOf(g, o)
  run({
    layout: 'nt',
    m: queries,
    n: keys,
    k: d,
    a: token(q, queries, o),
    b: token(k, keys, o),
    c: matrix(scores, o),
    alpha,
  })
  g.record([q, k], scores, (ds) => {
    const dq = g.gradientTarget(q)
    const shapeQ = { layout: 'nn', m: queries, n: d, k: keys, alpha } as const
    if (dq)
      run({
        ...shapeQ,
        a: matrix(ds, o),
        b: token(k, keys, o),
        c: token(dq.tensor, queries, o),
        accumulate: dq.accumulate,
      })
    const dk = g.gradientTarget(k)
    const shapeK = { layout: 'tn', m: keys, n: d, k: queries, alpha } as const
    if (dk)
      run({
        ...shapeK,
        a: matrix(ds, o),
        b: token(q, queries, o),
        c: token(dk.tensor, keys, o),
        accumulate: dk.accumulate,
      })
  })
  return scores
}

/** p v: (batches·queries, C). */
function weighted(g: Graph, p: Tensor, v: Tensor, o: CrossAttention): Tensor {
  const { queries, keys } = o
  const d = v.columns / o.heads
  const y = g.tensor('attention output', [o.batches * queries, v.columns])
  const run = matmulOf(g, o)
  run({ layout: 'nn', m: queries, n: d, k: keys, a: matrix(p, o), b: token(v, keys, o), c: token(y, queries, o) })
  g.record([p, v], y, (dy) => {
    const dp = g.gradientTarget(p)
    const shapeP = { layout: 'nt', m: queries, n: keys, k: d } as const
    if (dp)
      run({
        ...shapeP,
        a: token(dy, queries, o),
        b: token(v, keys, o),
        c: matrix(dp.tensor, o),
        accumulate: dp.accumulate,
      })
    const dv = g.gradientTarget(v)
    const shapeV = { layout: 'tn', m: keys, n: d, k: queries } as const
    if (dv)
      run({
        ...shapeV,
        a: matrix(p, o),
        b: token(dy, queries, o),
        c: token(dv.tensor, keys, o),
        accumulate: dv.accumulate,
      })
  })
  return y
}

const matmulOf =
  (g: Graph, { batches, heads }: CrossAttention) =>
  (shape: Omit<Gemm, 'batches' | 'heads'>) =>
    gemm(g, { ...shape, batches, heads })

const token = (tensor: Tensor, rows: number, { heads }: CrossAttention) => {
  const c = tensor.columns
  return { tensor, stride: c, batch: rows * c, head: c / heads }
}

const matrix = (tensor: Tensor, { heads, queries, keys }: CrossAttention) => {
  return { tensor, stride: keys, batch: heads * queries * keys, head: queries * keys }
}
