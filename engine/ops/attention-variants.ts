/**
 * @file The forms of the fused attention kernels: same tensors, same results. `shared` stages tiles in workgroup memory, for
 * GPUs (attention-shared.wgsl). `direct` reads memory straight into private arrays (attention.wgsl). `subgroup` shares loads
 * by broadcasts, for software adapters with subgroups of 8 (attention-subgroup.wgsl).
 */
import type { Shader, UniformValues } from '../device/shader'
import direct from '../../shaders/attention-direct.wgsl'
import shared from '../../shaders/attention-shared.wgsl'
import subgroup from '../../shaders/attention-subgroup.wgsl'
import type { Recorder } from '../graph/dispatch'
import { grid1d } from '../graph/grid'
import type { Tensor } from '../device/tensor'
import type { AttentionShape } from './attention-shape'

/** How one pass of attention is dispatched. */
export interface AttentionForm {
  shader: Shader
  grid: readonly [number, number]
  params: UniformValues
  constants: Record<string, number>
  /** As the form's kernels read it. */
  bias: Tensor | null
}

/** What scores have besides products. */
export interface Terms {
  relative: boolean
  bias: Tensor | null
}

/** Lanes of a workgroup. */
const DIRECT = 32
const SUBGROUP = 8
/** Positions of a workgroup. */
const SHARED = 32
/** Head dimensions, all rounds together, that private arrays hold: 4 times the lengths in attention-subgroup.wgsl. */
const SPACE = { forward: 128, backward: 80 } as const
/** At most; more of them take more memory than what they save in loads. */
const ROUNDS = 4

/** The form that the engine asks for, or `direct` where its private arrays would be too small. */
export function attentionForm(
  g: Recorder,
  shape: AttentionShape,
  pass: 'forward' | 'backward',
  terms: Terms,
): AttentionForm {
  const form = g.engine.attention
  if (form === 'shared') return sharedForm(shape, terms)
  if (form === 'subgroup' && shape.head <= SPACE.backward) return subgroupForm(g, shape, pass, terms)
  return directForm(shape, terms)
}

/** Also the form of `backward_stats`, which the others leave to it. */
export function directForm({ map, scale, params }: AttentionShape, { relative, bias }: Terms): AttentionForm {
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

function sharedForm(shape: AttentionShape, terms: Terms): AttentionForm {
  const { map, head, params } = shape
  return {
    ...directForm(shape, terms),
    shader: shared,
    grid: [Math.ceil(map.length / SHARED), map.windows * params.heads],
    constants: { blocks: Math.ceil(head / 32) },
  }
}

function subgroupForm(g: Recorder, shape: AttentionShape, pass: 'forward' | 'backward', terms: Terms): AttentionForm {
  const { map, head, params } = shape
  const { bias } = terms
  const plain = directForm(shape, terms)
  const rounds = Math.min(Math.floor(SPACE[pass] / head), ROUNDS, Math.ceil(params.quads / SUBGROUP))
  const form: AttentionForm = {
    ...plain,
    shader: subgroup,
    grid: [Math.ceil(params.quads / SUBGROUP / rounds), map.windows * params.heads],
    params: { ...plain.params, rounds, four: 4 },
  }
  if (!bias || map.length % 4 === 0) return form
  const aligned = g.tensor('attention: aligned bias', [params.heads, map.length, 4 * params.quads])
  const values = { ...form.params, keep: 0, accumulate: 0 }
  g.dispatch(subgroup, 'align_bias', { bias_source: bias, bias_rows: aligned }, values, grid1d(aligned.size / 4, 64))
  return { ...form, bias: aligned }
}
