/**
 * @file Variants of the fused attention kernels, with the same operands and results. `shared` stages tiles in workgroup
 * memory, for GPUs; `wide` does so with larger ones where there is enough work, else as `shared`. `direct` reads memory straight into private arrays. `subgroup` shares loads between lanes by broadcasts,
 * for software adapters with subgroups of 8. `matrix`, for GPUs with matrix units, is in a separate file.
 */
import type { Shader, UniformValues } from '../device/shader'
import direct from '../../shaders/attention-direct.wgsl'
import shared from '../../shaders/attention-shared.wgsl'
import subgroup from '../../shaders/attention-subgroup.wgsl'
import wide from '../../shaders/attention-wide.wgsl'
import type { Recorder } from '../graph/dispatch'
import { grid1d } from '../device/grid'
import type { Tensor } from '../device/tensor'
import type { AttentionShape } from './attention-shape'

/** How to dispatch the kernels of one pass (forward or backward). */
export interface AttentionDispatch {
  shader: Shader
  grid: readonly [number, number]
  params: UniformValues
  constants: Record<string, number>
  /** The bias in the layout that the variant's kernels read. */
  bias: Tensor | null
}

/** Terms added to the scores besides q·kᵀ. */
export interface ScoreTerms {
  /** Decomposed relative positions. */
  relative: boolean
  bias: Tensor | null
}

/** Lanes of a workgroup in the `direct` and the `subgroup` kernels. */
const DIRECT = 32
const SUBGROUP = 8
/** Positions that a workgroup of the `shared` and the `wide` kernels processes. */
const SHARED = 32
const WIDE = 64
/** Largest head of the `wide` kernels. */
const WIDE_HEAD = 64
/** With fewer workgroups of the `wide` kernels the compute units of a large GPU are not filled, as in gemm-split.ts. */
const WIDE_GROUPS = 512
/** Capacity of the private arrays, in head dimensions of all rounds together: 4 times the lengths in attention-subgroup.wgsl. */
const PRIVATE_DIMENSIONS = { forward: 128, backward: 80 } as const
/** Maximum number of rounds: more need more private memory than they save in loads. */
const MAX_ROUNDS = 4

/** The variant that the engine asks for, or `direct` if the private arrays of `subgroup` are too small for the head. */
export function attentionDispatch(
  g: Recorder,
  shape: AttentionShape,
  pass: 'forward' | 'backward',
  terms: ScoreTerms,
): AttentionDispatch {
  const variant = g.engine.variants.attention
  // of `matrix`, what engine/ops/attention-matrix.ts leaves
  if (variant === 'wide' || variant === 'matrix') return wideDispatch(g, shape, terms)
  if (variant === 'shared') return sharedDispatch(shape, terms)
  if (variant === 'subgroup' && shape.head <= PRIVATE_DIMENSIONS.backward)
    return subgroupDispatch(g, shape, pass, terms)
  return directDispatch(shape, terms)
}

/** Also used for `backward_stats` in all variants, which only the `direct` shader has. */
export function directDispatch(
  { map, scale, params }: AttentionShape,
  { relative, bias }: ScoreTerms,
): AttentionDispatch {
  return {
    shader: direct,
    grid: [Math.ceil(params.quads / DIRECT), map.windows * params.heads],
    params: {
      ...params,
      side_h: map.sideH,
      side_w: map.sideW,
      scale,
      relative: relative ? 1 : 0,
      biased: bias ? 1 : 0,
    },
    constants: {},
    bias,
  }
}

function sharedDispatch(shape: AttentionShape, terms: ScoreTerms): AttentionDispatch {
  const { map, head, params } = shape
  return {
    ...directDispatch(shape, terms),
    shader: shared,
    grid: [Math.ceil(map.length / SHARED), map.windows * params.heads],
    constants: { blocks: Math.ceil(head / 32) },
  }
}

function wideDispatch(g: Recorder, shape: AttentionShape, terms: ScoreTerms): AttentionDispatch {
  const { map, head, params } = shape
  const grid = [Math.ceil(map.length / WIDE), map.windows * params.heads] as const
  const { wideGroups = WIDE_GROUPS } = g.engine.variants
  const few = grid[0] * grid[1] < wideGroups || (wideGroups && map.length <= SHARED)
  if (head > WIDE_HEAD || few) return sharedDispatch(shape, terms)
  return { ...directDispatch(shape, terms), shader: wide, grid, constants: { blocks: Math.ceil(head / 32) } }
}

function subgroupDispatch(
  g: Recorder,
  shape: AttentionShape,
  pass: 'forward' | 'backward',
  terms: ScoreTerms,
): AttentionDispatch {
  const { map, head, params } = shape
  const { bias } = terms
  const plain = directDispatch(shape, terms)
  const rounds = Math.min(Math.floor(PRIVATE_DIMENSIONS[pass] / head), MAX_ROUNDS, Math.ceil(params.quads / SUBGROUP))
  const dispatch: AttentionDispatch = {
    ...plain,
    shader: subgroup,
    grid: [Math.ceil(params.quads / SUBGROUP / rounds), map.windows * params.heads],
    params: { ...plain.params, rounds, four: 4 },
  }
  if (!bias || map.length % 4 === 0) return dispatch
  // the kernels read four columns of the bias at once: rows are padded to a multiple of 4
  const aligned = g.tensor('attention: aligned bias', [params.heads, map.length, 4 * params.quads])
  const values = { ...dispatch.params, keep: 0, accumulate: 0 }
  g.dispatch(subgroup, 'align_bias', { bias_source: bias, bias_rows: aligned }, values, grid1d(aligned.size / 4, 64))
  return { ...dispatch, bias: aligned }
}
