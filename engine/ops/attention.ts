/** @file Attention over windows of tokens, fused: forward and backward keep nothing of length². */
import shader from '../../shaders/attention.wgsl'
import padding from '../../shaders/attention-padding.wgsl'
import relative from '../../shaders/attention-relative.wgsl'
import { type Graph, type GradientTarget } from '../graph/graph'
import type { Tensor } from '../graph/tensor'
import type { WindowMap } from './windows'

export interface AttentionOptions {
  heads: number
  map: WindowMap
  /** SAM's decomposed relative positions: (2 sideH - 1, head_dim) and (2 sideW - 1, head_dim). Frozen. */
  relPos?: { h: Tensor; w: Tensor }
  /** Added to the scores (heads, length, length). Frozen. */
  bias?: Tensor
}

/** Of a workgroup of the fused kernels. */
const LANES = 32
/** Padded rows summed in the first of the two stages. */
const PART = 32
const MAX_HEAD = 128

/**
 * softmax(scale q·kᵀ + rel_h + rel_w + bias) v within each window, with scale = head_dim^-0.5 and the relative terms of the
 * unscaled q. `qkv` (rows, 3C) holds q | k | v with the heads inside each; its rows are the tokens of the image, and, where
 * the map has padding, one last row that every padded position has for its q, k and v. Padding takes part as keys.
 * Gives (tokens, C) in the order of the image. Gradients flow to qkv, all of the padding's into its last row.
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
    ? g.tensor('attention: statistics', [map.windows * shape.params.heads, shape.params.quads, 2, 4])
    : null
  const params = {
    ...shape.params,
    side_h: map.sideH,
    side_w: map.sideW,
    scale: shape.scale,
    relative: rel ? 1 : 0,
    biased: bias ? 1 : 0,
    keep: kept ? 1 : 0,
    accumulate: 0,
  }
  const grid = [Math.ceil(shape.params.quads / LANES), map.windows * shape.params.heads] as const
  g.dispatch(shader, 'forward', { qkv, rows, rel, bias, out, kept }, params, grid)
  g.record([qkv], out, (dout) => {
    const target = g.gradientTarget(qkv)
    if (!target) return
    const { tensor: dqkv, accumulate } = target
    const again = relPos ? relativeTerms(g, qkv, shape, relPos) : null
    const drel = again ? g.tensor('attention: relative gradient', again.shape) : null
    const dpads = map.pads ? g.tensor('attention: gradient of padding', [map.pads, 2 * channels]) : null
    g.dispatch(shader, 'backward_stats', { rows, kept, y: out, dout }, params, grid)
    const read = { qkv, rows, rel: again, bias, stats: kept, dout, dqkv }
    g.dispatch(shader, 'backward_q', { ...read, drel }, { ...params, accumulate }, grid)
    g.dispatch(shader, 'backward_kv', { ...read, dpads }, { ...params, accumulate }, grid)
    if (relPos) relativeGradient(g, drel!, target, shape, relPos)
    if (dpads) paddingGradient(g, dpads, target, shape)
  })
  return out
}

/** Sizes that the kernels share. Throws where the tensors do not fit each other. */
export function attentionShape(qkv: Tensor, { heads, map, relPos, bias }: AttentionOptions) {
  const channels = qkv.columns / 3
  const head = channels / heads
  const rows = map.tokens + (map.pads ? 1 : 0)
  if (!Number.isInteger(head) || head % 4 || head > MAX_HEAD)
    throw new Error(
      `attention: ${qkv.columns} columns of q, k and v are not 3 x ${heads} heads of 4, 8, ... ${MAX_HEAD}`,
    )
  if (qkv.rows !== rows)
    throw new Error(
      `attention: ${qkv.label} has ${qkv.rows} rows; ${map.tokens} tokens with ${map.pads} padded need ${rows}`,
    )
  const want = (what: string, tensor: Tensor, shape: number[]) => {
    if (`${tensor.shape}` !== `${shape}`)
      throw new Error(`attention: ${what} ${tensor.label} is [${tensor.shape}], not [${shape}]`)
  }
  if (relPos) {
    want('the relative positions', relPos.h, [2 * map.sideH - 1, head])
    want('the relative positions', relPos.w, [2 * map.sideW - 1, head])
  }
  if (bias) want('the bias', bias, [heads, map.length, map.length])
  const quads = Math.ceil(map.length / 4)
  return {
    map,
    channels,
    head,
    scale: head ** -0.5,
    params: { length: map.length, quads, heads, head4: head / 4, channels4: channels / 4, tokens: map.tokens },
  }
}

type Shape = ReturnType<typeof attentionShape>
type RelPos = NonNullable<AttentionOptions['relPos']>

/** (windows * heads, sideH + sideW, 4 quads): what each line, then each column of keys adds to the score of a query. */
export function relativeTerms(g: Graph, qkv: Tensor, shape: Shape, relPos: RelPos): Tensor {
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

/** Adds to the gradient of q what comes through the relative terms. */
export function relativeGradient(
  g: Graph,
  drel: Tensor,
  { tensor: dqkv }: GradientTarget,
  shape: Shape,
  relPos: RelPos,
): void {
  for (const { table, values, grid } of axes(shape, relPos))
    g.dispatch(relative, 'relative_backward', { rows: shape.map.rows, table, drel, dqkv }, values, grid)
}

function axes({ map, params }: Shape, relPos: RelPos) {
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

/** Adds up the gradients of all padded keys (pads, 2C) into the last row of qkv's gradient. */
export function paddingGradient(
  g: Graph,
  dpads: Tensor,
  { tensor: dqkv, accumulate }: GradientTarget,
  shape: Shape,
): void {
  const { map, channels, params } = shape
  const values = { pads: map.pads, part: PART, channels4: params.channels4, tokens: map.tokens, accumulate }
  g.dispatch(padding, 'sum_pads', { dpads }, values, [Math.ceil(channels / 128), Math.ceil(map.pads / PART)])
  g.dispatch(padding, 'store_pads', { sums: dpads, dqkv }, values, [Math.ceil((3 * channels) / 256)])
}
