/**
 * @file What implementations of attention share: the terms of SAM's decomposed relative positions, their gradient, and the
 * gradient of padded positions.
 */
import padding from '../../shaders/attention-padding.wgsl'
import relative from '../../shaders/attention-relative.wgsl'
import type { Graph, GradientTarget } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import type { AttentionOptions, AttentionShape } from './attention-shape'

/** Padded rows that a workgroup sums in the first of the two stages of paddingGradient. */
const PART = 32

type RelPos = NonNullable<AttentionOptions['relPos']>

/**
 * The relative terms (windows * heads, sideH + sideW, 4 quads): for each row of keys, then for each column of keys, the term
 * that it adds to the scores of each query.
 */
export function relativeTerms(g: Graph, qkv: Tensor, shape: AttentionShape, relPos: RelPos, tensor?: Tensor): Tensor {
  const { map, params } = shape
  const rel =
    tensor ??
    g.tensor('attention: relative terms', [map.windows * params.heads, map.sideH + map.sideW, 4 * params.quads])
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
