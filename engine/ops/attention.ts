/** @file Fused attention over windows of tokens. Neither pass stores a matrix of scores (length x length). */
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { attentionGradientByProducts, gradientIsByProducts } from './attention-materialised'
import { attentionDispatch, directDispatch } from './attention-variants'
import { attentionOnMatrixUnits, runsOnMatrixUnits } from './attention-matrix'
import { type AttentionOptions, attentionShape } from './attention-shape'
import { paddingGradient, relativeGradient, relativeTerms } from './attention-terms'
import { roundedOperand } from './rounded-operands'

/**
 * softmax(scale q·kᵀ + rel_h + rel_w + bias) v within each window, with scale = head_dim^-0.5 and the relative terms computed
 * from the unscaled q. `qkv` (rows, 3C) contains q | k | v, each with its heads side by side; its rows are the tokens of the
 * image in order and, if the map has padding, one more row: the q, k and v of every padded position. Padded positions are
 * attended to like others. Returns (tokens, C) in the order of the image. Gradients flow to qkv; those of all padded
 * positions are summed into its last row.
 * @throws Error if the tensors do not fit each other
 */
export function attention(g: Graph, qkv: Tensor, options: AttentionOptions): Tensor {
  const shape = attentionShape(qkv, options)
  if (runsOnMatrixUnits(g.engine, shape, options)) return attentionOnMatrixUnits(g, qkv, shape, options)
  const { map, bias = null } = options
  const { h, w } = options.relPos ?? {}
  const relPos = h && w && { h: roundedOperand(g, h), w: roundedOperand(g, w) }
  const rounded = roundedOperand(g, qkv)
  const { channels } = shape
  const { rows, tokens } = map
  const rel = relPos ? relativeTerms(g, rounded, shape, relPos) : null
  const out = g.tensor('attention', [tokens, channels])
  const training = g.training && qkv.requiresGrad
  const byProducts = gradientIsByProducts(g.engine, map.length)
  const kept =
    training && !byProducts
      ? g.tensor('attention: statistics', [map.windows * shape.params.heads, shape.params.quads, 2, 4], 'statistic')
      : null
  const terms = { relative: !!relPos, bias }
  const { shader, params, grid, constants, bias: read } = attentionDispatch(g, shape, 'forward', terms)
  const values = { ...params, keep: kept ? 1 : 0, accumulate: 0 }
  g.dispatch(shader, 'forward', { qkv: rounded, rows, rel, bias: read, out, kept }, values, grid, constants)
  g.record([qkv], out, (gradient) => {
    const target = g.gradientTarget(qkv)
    if (!target) return
    if (byProducts) return attentionGradientByProducts(g, qkv, gradient, target, options)
    const dout = roundedOperand(g, gradient)
    const { tensor: dqkv, accumulate } = target
    const rel = relPos ? relativeTerms(g, rounded, shape, relPos) : null
    const drel = rel ? g.tensor('attention: relative gradient', rel.shape) : null
    const dpads = map.pads ? g.tensor('attention: gradient of padding', [map.pads, 2 * channels]) : null
    const direct = directDispatch(shape, terms)
    const statistics = { rows, kept, y: out, dout }
    g.dispatch(direct.shader, 'backward_stats', statistics, { ...direct.params, keep: 1, accumulate: 0 }, direct.grid)
    const { shader, params, grid, constants, bias: read } = attentionDispatch(g, shape, 'backward', terms)
    const values = { ...params, keep: 0, accumulate }
    const both = { qkv: rounded, rows, rel, bias: read, stats: kept, dout, dqkv }
    g.dispatch(shader, 'backward_q', { ...both, drel }, values, grid, constants)
    g.dispatch(shader, 'backward_kv', { ...both, dpads }, values, grid, constants)
    if (relPos) relativeGradient(g, drel!, target, shape, relPos)
    if (dpads) paddingGradient(g, dpads, target, shape)
  })
  return out
}
