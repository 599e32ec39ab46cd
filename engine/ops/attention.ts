/** @file Fused attention over windows of tokens. Neither pass stores a matrix of scores (length x length). */
import padding from '../../shaders/attention-padding.wgsl'
import relative from '../../shaders/attention-relative.wgsl'
import type { Graph, GradientTarget } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { attentionDispatch, directDispatch } from './attention-variants'
import { type AttentionOptions, type AttentionShape, attentionShape } from './attention-shape'

/** Padded rows that a workgroup sums in the first of the two stages of paddingGradient. */
const PART = 32

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
  const { map, relPos, bias = null } = options
  const { channels } = shape
  const { rows, tokens } = map
  const rel = relPos ? relativeTerms(g, qkv, shape, relPos) : null
  const out = g.tensor('attention', [tokens, channels])
  const training = g.training && qkv.requiresGrad
  const kept = training
    ? g.tensor('attention: statistics', [map.windows * shape.params.heads, shape.params.quads, 2, 4], 'statistic')
    : null
  const terms = { relative: !!relPos, bias }
  const { shader, params, grid, constants, bias: read } = attentionDispatch(g, shape, 'forward', terms)
  const values = { ...params, keep: kept ? 1 : 0, accumulate: 0 }
  g.dispatch(shader, 'forward', { qkv, rows, rel, bias: read, out, kept }, values, grid, constants)
  g.record([qkv], out, (dout) => {
    const target = g.gradientTarget(qkv)
    if (!target) return
    const { tensor: dqkv, accumulate } = target
    const rel = relPos ? relativeTerms(g, qkv, shape, relPos) : null
    const drel = rel ? g.tensor('attention: relative gradient', rel.shape) : null
    const dpads = map.pads ? g.tensor('attention: gradient of padding', [map.pads, 2 * channels]) : null
    const direct = directDispatch(shape, terms)
    const statistics = { rows, kept, y: out, dout }
    g.dispatch(direct.shader, 'backward_stats', statistics, { ...direct.params, keep: 1, accumulate: 0 }, direct.grid)
    const { shader, params, grid, constants, bias: read } = attentionDispatch(g, shape, 'backward', terms)
    const values = { ...params, keep: 0, accumulate }
    const both = { qkv, rows, rel, bias: read, stats: kept, dout, dqkv }
    g.dispatch(shader, 'backward_q', { ...both, drel }, values, grid, constants)
    g.dispatch(shader, 'backward_kv', { ...both, dpads }, values, grid, constants)
    if (relPos) relativeGradient(g, drel!, target, shape, relPos)
    if (dpads) paddingGradient(g, dpads, target, shape)
  })
  return out
}

type RelPos = NonNullable<AttentionOptions['relPos']>

/**
 * The relative terms (windows * heads, sideH + sideW, 4 quads): for each row of keys, then for each column of keys, the term
 * that it adds to the scores of each query.
 */
export function relativeTerms(g: Graph, qkv: Tensor, shape: AttentionShape, relPos: RelPos): Tensor {
  const { map, params } = shape
  const rel = g.tensor('attention: relative terms', [
    map.windows * params.heads,
    map.sideH + map.sideW,
    4 * params.quads,
  ])
  for (const { table, values, grid } of axes(shape, relPos))
    g.dispatch(relative, 'relative', { qkv, rows: map.rows, table, rel }, values, grid)
  return rel
}

/** Adds the gradient that flows through the relative terms to the gradient of q. */
export function relativeGradient(
  g: Graph,
  drel: Tensor,
  { tensor: dqkv }: GradientTarget,
  shape: AttentionShape,
  relPos: RelPos,
): void {
  for (const { table, values, grid } of axes(shape, relPos))
    g.dispatch(relative, 'relative_backward', { rows: shape.map.rows, table, drel, dqkv }, values, grid)
}

function axes({ map, params }: AttentionShape, relPos: RelPos) {
  const both = [
    { table: relPos.h, own: map.sideH, other: map.sideW },
    { table: relPos.w, own: map.sideW, other: map.sideH },
  ]
  return both.map(({ table, own, other }, axis) => {
    const lanes = map.windows * params.heads * other
    const values = { ...params, lanes, axis, side_h: map.sideH, side_w: map.sideW }
    return { table, values, grid: [Math.ceil(lanes / 64), 1, own] as [number, number, number] }
  })
}

/** Sums the gradients of the padded positions' k and v, `dpads` (pads, 2C), into the last row of the gradient of qkv. */
export function paddingGradient(
  g: Graph,
  dpads: Tensor,
  { tensor: dqkv, accumulate }: GradientTarget,
  shape: AttentionShape,
): void {
  const { map, channels, params } = shape
  const values = { pads: map.pads, part: PART, channels4: params.channels4, tokens: map.tokens, accumulate }
  g.dispatch(padding, 'sum_pads', { dpads }, values, [Math.ceil(channels / 128), Math.ceil(map.pads / PART)])
  g.dispatch(padding, 'store_pads', { sums: dpads, dqkv }, values, [Math.ceil((3 * channels) / 256)])
}
