/**
 * @file Windowed attention by matrix products and softmax over chunks of windows and heads. `attentionMaterialised` keeps the
 * probabilities for the backward pass: the reference in the tests of the fused kernels. `attentionGradientByProducts` computes them
 * again, so that a fused forward pass can be followed by it where products are faster than the fused backward kernels
 * (variants.attentionBackward).
 */
import shader from '../../shaders/attention-materialised.wgsl'
import type { Engine } from '../device/engine'
import { windowClass } from '../device/kernel-variants'
import { type Graph, type GradientTarget, grid1d } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { type AttentionOptions, type AttentionShape, attentionShape } from './attention-shape'
import { paddingGradient, relativeGradient, relativeTerms } from './attention-terms'
import { type Gemm, type Operand, gemm } from './gemm'
import { softmax, softmaxBackward } from './softmax'

/** A range of windows and heads. Their scores (windows, heads, length, length) are one tensor. */
interface Chunk {
  window: number
  windows: number
  head: number
  heads: number
}

/** Maximum size of one tensor of scores in a backward pass that computes them again, in bytes. A chunk has three of them at a time. */
const SCORES_AGAIN = 2 ** 26

/** The same result and gradients as `attention`. `maxScores` is the maximum size of one tensor of scores, in bytes. */
export function attentionMaterialised(
  g: Graph,
  qkv: Tensor,
  options: AttentionOptions,
  maxScores = g.engine.maxBinding,
): Tensor {
  const scoring = scoringOf(g, qkv, options, maxScores)
  const { shape, chunks, x, part, square, matmul, probabilitiesOf } = scoring
  const { map, channels } = shape
  const mixed = g.tensor('attention: windows', [map.windows * map.length, channels])
  const kept = chunks.map((chunk) => {
    const p = probabilitiesOf(chunk)
    const [a, b, c] = [square(p, chunk), part(x, chunk, 3, 2), part(mixed, chunk, 1, 0)]
    matmul(chunk, { layout: 'nn', m: map.length, n: shape.head, k: map.length, a, b, c })
    return p
  })
  const out = g.tensor('attention', [map.tokens, channels])
  scatter(g, mixed, { tensor: out, accumulate: 0 }, shape, null)
  g.record([qkv], out, (dout) => {
    const target = g.gradientTarget(qkv)
    if (target) gradient(g, scoring, dout, target, options, (_, i) => kept[i])
  })
  return out
}

/** True if the gradient of attention over windows of this length is computed by products. */
export function gradientIsByProducts({ variants }: Engine, length: number): boolean {
  const one = windowClass(length)
  return one !== null && variants.attentionBackward[one] === 'products'
}

/**
 * Adds the gradient of attention to `target`, from that of its output: matrix products over scores that are computed again, for some
 * windows and heads at a time. For a forward pass that keeps nothing.
 */
export function attentionGradientByProducts(
  g: Graph,
  qkv: Tensor,
  dout: Tensor,
  target: GradientTarget,
  options: AttentionOptions,
  maxScores = Math.min(SCORES_AGAIN, g.engine.maxBinding),
): void {
  const scoring = scoringOf(g, qkv, options, maxScores)
  gradient(g, scoring, dout, target, options, scoring.probabilitiesOf)
}

/** What both passes share: q, k and v by windows, the chunks, and their operands. */
function scoringOf(g: Graph, qkv: Tensor, options: AttentionOptions, maxScores: number) {
  const shape = attentionShape(qkv, options)
  const { relPos, bias } = options
  const { map, channels, scale } = shape
  const { length, heads } = shape.params
  const chunks = chunksOf(map.windows, heads, length * length * 4, maxScores)
  const matmul = (chunk: Chunk, o: Omit<Gemm, 'heads' | 'batches'>) =>
    gemm(g, { ...o, heads: chunk.heads, batches: chunk.windows })
  /** Of a tensor whose rows have `parts` blocks of C columns: block `which` (of qkv: q 0, k 1, v 2), of a chunk only. */
  const part = (tensor: Tensor, { window, head }: Chunk, parts: number, which: number): Operand => ({
    tensor,
    offset: window * length * parts * channels + which * channels + head * shape.head,
    stride: parts * channels,
    batch: length * parts * channels,
    head: shape.head,
  })
  const square = (tensor: Tensor, chunk: Chunk): Operand => ({
    tensor,
    stride: length,
    batch: chunk.heads * length * length,
    head: length * length,
  })
  const scoresLike = (label: string, c: Chunk) => g.tensor(`attention: ${label}`, [c.windows * c.heads, length, length])
  const x = gather(g, qkv, shape, true)
  const rel = relPos ? relativeTerms(g, qkv, shape, relPos) : null
  const probabilitiesOf = (chunk: Chunk): Tensor => {
    const s = scoresLike('scores', chunk)
    const [a, b, c] = [part(x, chunk, 3, 0), part(x, chunk, 3, 1), square(s, chunk)]
    matmul(chunk, { layout: 'nt', m: length, n: length, k: shape.head, a, b, c, alpha: scale })
    if (rel || bias) {
      const values = { ...termParams(shape, chunk), count: s.size, relative: rel ? 1 : 0, biased: bias ? 1 : 0 }
      g.dispatch(shader, 'add_terms', { rel, bias: bias ?? null, s }, values, grid1d(s.size))
    }
    return softmax(g, s)
  }
  return { shape, chunks, x, rel, matmul, part, square, scoresLike, probabilitiesOf }
}

/** The backward pass; `probabilitiesOf` are those of the forward pass, or the same computed again. */
function gradient(
  g: Graph,
  { shape, chunks, x, rel, matmul, part, square, scoresLike }: ReturnType<typeof scoringOf>,
  dout: Tensor,
  target: GradientTarget,
  { relPos }: AttentionOptions,
  probabilitiesOf: (chunk: Chunk, i: number) => Tensor,
): void {
  const { map, channels, scale } = shape
  const [m, k] = [map.length, shape.head]
  const dmixed = gather(g, dout, shape, false)
  const dx = g.tensor('attention: gradient by windows', x.shape)
  const drel = rel ? g.tensor('attention: relative gradient', rel.shape) : null
  chunks.forEach((chunk, i) => {
    const p = probabilitiesOf(chunk, i)
    const dp = scoresLike('gradient of probabilities', chunk)
    const ds = scoresLike('gradient of scores', chunk)
    const dy = part(dmixed, chunk, 1, 0)
    const by = { n: k, k: m, m }
    matmul(chunk, { layout: 'nt', m, n: m, k, a: dy, b: part(x, chunk, 3, 2), c: square(dp, chunk) })
    matmul(chunk, { layout: 'tn', ...by, a: square(p, chunk), b: dy, c: part(dx, chunk, 3, 2) })
    softmaxBackward(g, p, dp, { tensor: ds, accumulate: 0 })
    const [a, alpha] = [square(ds, chunk), scale]
    matmul(chunk, { layout: 'nn', ...by, a, b: part(x, chunk, 3, 1), c: part(dx, chunk, 3, 0), alpha })
    matmul(chunk, { layout: 'tn', ...by, a, b: part(x, chunk, 3, 0), c: part(dx, chunk, 3, 1), alpha })
    if (drel) {
      const count = chunk.windows * chunk.heads * (map.sideH + map.sideW) * m
      g.dispatch(shader, 'sum_terms', { ds, drel }, { ...termParams(shape, chunk), count }, grid1d(count))
    }
  })
  const dpads = map.pads ? g.tensor('attention: gradient of padding', [map.pads, 2 * channels]) : null
  scatter(g, dx, target, shape, dpads)
  if (drel) relativeGradient(g, drel, target, shape, relPos!)
  if (dpads) paddingGradient(g, dpads, target, shape)
}

/** Chunks whose scores fit `limit`: several whole windows, or some heads of one window if one window does not fit. */
function chunksOf(windows: number, heads: number, bytes: number, limit: number): Chunk[] {
  const fit = Math.max(1, Math.min(Math.floor(limit / bytes), MAX_GRID))
  const chunks: Chunk[] = []
  const [stepW, stepH] = fit >= heads ? [Math.floor(fit / heads), heads] : [1, fit]
  for (let window = 0; window < windows; window += stepW)
    for (let head = 0; head < heads; head += stepH)
      chunks.push({
        window,
        head,
        windows: Math.min(stepW, windows - window),
        heads: Math.min(stepH, heads - head),
      })
  return chunks
}

/** Maximum number of matrix products in one dispatch: the z dimension of its grid. */
const MAX_GRID = 65535

const common = ({ map, params }: AttentionShape) => ({
  count: 0,
  columns4: 0,
  tokens: map.tokens,
  padded: 0,
  accumulate: 0,
  length: map.length,
  quads: params.quads,
  side_h: map.sideH,
  side_w: map.sideW,
  heads: params.heads,
  first_head: 0,
  first: 0,
  relative: 0,
  biased: 0,
})

const termParams = (shape: AttentionShape, chunk: Chunk) => ({
  ...common(shape),
  heads: chunk.heads,
  first_head: chunk.head,
  first: chunk.window * shape.params.heads + chunk.head,
})

/** Copies the rows of the image's tokens to their window positions. Padded positions get the last row, or zeros. */
function gather(g: Graph, x: Tensor, shape: AttentionShape, lastRow: boolean): Tensor {
  const { map } = shape
  const y = g.tensor(`${x.label} by windows`, [map.windows * map.length, x.columns])
  const values = { ...common(shape), count: y.size / 4, columns4: x.columns / 4, padded: lastRow && map.pads ? 1 : 0 }
  g.dispatch(shader, 'gather', { rows: map.rows, x, y }, values, grid1d(y.size / 4))
  return y
}

/** The inverse of `gather`. The k and v columns of padded positions go to `dpads`; without it they are dropped. */
function scatter(
  g: Graph,
  x: Tensor,
  { tensor: y, accumulate }: GradientTarget,
  shape: AttentionShape,
  dpads: Tensor | null,
): void {
  const values = { ...common(shape), count: x.size / 4, columns4: x.columns / 4, accumulate, padded: dpads ? 1 : 0 }
  g.dispatch(shader, 'scatter', { rows: shape.map.rows, x, y, dpads }, values, grid1d(x.size / 4))
}
