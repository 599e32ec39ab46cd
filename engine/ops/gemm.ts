/**
 * @file Matrix products: one strided, batched GEMM with fused epilogues in four forms. `shared` stages tiles in workgroup
 * memory, for GPUs (gemm_shared.wgsl). `direct` reads memory straight into registers (gemm.wgsl), four floats at a time
 * where everything is aligned to them (gemm4.wgsl). The others are for software adapters: `subgroup` has lanes read for each
 * other (gemm-subgroup.wgsl), `transposed` goes by way of Aᵀ where there are no subgroups of 8.
 */
import type { Engine } from '../device/engine'
import type { Shader } from '../device/shader'
import general from '../../shaders/gemm.wgsl'
import aligned from '../../shaders/gemm4.wgsl'
import shared from '../../shaders/gemm_shared.wgsl'
import subgroup from '../../shaders/gemm-subgroup.wgsl'
import type { Recorder } from '../graph/dispatch'
import type { Tensor } from '../graph/tensor'
import type { Gemm } from './gemm-types'
import { fitsTransposed, gemmTransposed } from './gemm-transposed'
import { ACTIVATION } from './pointwise'

interface Variant {
  shader: Shader
  entry: string
  /** Rows and columns of C that one workgroup computes. */
  tile: { m: number; n: number }
}

const SHARED = {
  nt: { shader: shared, entry: 'shared_nt', tile: { m: 64, n: 64 } },
  nn: { shader: shared, entry: 'shared_nn', tile: { m: 64, n: 64 } },
  tn: { shader: shared, entry: 'shared_tn', tile: { m: 64, n: 64 } },
} satisfies Record<string, Variant>

const GENERAL = {
  nt: { shader: general, entry: 'gemm_nt', tile: { m: 64, n: 64 } },
  nn: { shader: general, entry: 'gemm_nn', tile: { m: 64, n: 64 } },
  tn: { shader: general, entry: 'gemm_tn', tile: { m: 64, n: 64 } },
} satisfies Record<string, Variant>

/** An aligned NT would read four rows of each operand at once and lose to the general one. */
const ALIGNED: Partial<Record<keyof typeof GENERAL, Variant>> = {
  nn: { shader: aligned, entry: 'gemm_nn4', tile: { m: 32, n: 64 } },
  tn: { shader: aligned, entry: 'gemm_tn4', tile: { m: 64, n: 64 } },
}

const SUBGROUP = {
  nt: { shader: subgroup, entry: 'subgroup_nt', tile: { m: 16, n: 32 } },
  nn: { shader: subgroup, entry: 'subgroup_nn', tile: { m: 16, n: 32 } },
  tn: { shader: subgroup, entry: 'subgroup_tn', tile: { m: 16, n: 32 } },
} satisfies Record<string, Variant>

/** Below this many rows most of a subgroup's tile would be empty. */
const LEAST_ROWS = 9

export type { Gemm, Operand } from './gemm-types'

function variantOf(form: Engine['products'], o: Gemm): Variant {
  if (form === 'shared') return SHARED[o.layout]
  if (form === 'subgroup' && fitsSubgroup(o)) return SUBGROUP[o.layout]
  const numbers = [o.n, ...(o.layout === 'tn' ? [o.m] : [])]
  for (const { stride, offset = 0, batch = 0, head = 0 } of [o.a, o.b, o.c]) numbers.push(stride, offset, batch, head)
  for (const { offset } of o.lora?.extensions ?? []) numbers.push(offset)
  return (numbers.every((n) => n % 4 === 0) && ALIGNED[o.layout]) || GENERAL[o.layout]
}

/** Whether all that gemm-subgroup.wgsl reads at once is aligned to four floats. */
function fitsSubgroup({ layout, m, n, k, a, b, c, lora }: Gemm): boolean {
  const numbers = [n, ...(layout === 'tn' ? [] : [k])]
  for (const { stride, offset = 0, batch = 0, head = 0 } of [a, b, c]) numbers.push(stride, offset, batch, head)
  if (lora) numbers.push(lora.t.columns, lora.rank)
  for (const { start, end, column, offset } of lora?.extensions ?? []) numbers.push(start, end, column, offset)
  return m >= LEAST_ROWS && numbers.every((x) => x % 4 === 0)
}

/** Records C = act(alpha·A·B + LoRA + bias) + residual (+ C). FLOPs: 2·m·n·k a batch and head. */
export function gemm(g: Recorder, o: Gemm): void {
  if (g.engine.products === 'transposed' && fitsTransposed(o)) return gemmTransposed(g, o, gemm)
  const { a, b, c, lora } = o
  const heads = o.heads ?? 1
  const bindings: Record<string, Tensor | null> = {
    a: a.tensor,
    b: b.tensor,
    c: c.tensor,
    bias_values: o.bias ?? null,
    residual_values: o.residual ?? null,
    pre: o.pre ?? null,
    t: lora?.t ?? null,
    tb: lora?.tb ?? null,
  }
  const { shader, entry, tile } = variantOf(g.engine.products, o)
  const used = Object.fromEntries(
    shader.entries[entry].bindings.flatMap((e) => (e.kind === 'uniform' ? [] : [[e.name, bindings[e.name]]])),
  )
  const params = {
    m: o.m,
    n: o.n,
    k: o.k,
    heads,
    lda: a.stride,
    ldb: b.stride,
    ldc: c.stride,
    ldt: lora?.t.columns ?? 0,
    a_offset: a.offset ?? 0,
    b_offset: b.offset ?? 0,
    c_offset: c.offset ?? 0,
    a_batch: a.batch ?? 0,
    b_batch: b.batch ?? 0,
    c_batch: c.batch ?? 0,
    a_head: a.head ?? 0,
    b_head: b.head ?? 0,
    c_head: c.head ?? 0,
    alpha: o.alpha ?? 1,
    bias: o.bias ? 1 : 0,
    activation: ACTIVATION[o.activation ?? 'none'],
    residual: o.residual ? 1 : 0,
    accumulate: o.accumulate ?? 0,
    keep_pre: o.pre ? 1 : 0,
    extensions: lora?.extensions.length ?? 0,
    rank: lora?.rank ?? 0,
    ext_scale: lora?.scale ?? 0,
    ext: (lora?.extensions ?? []).map((e) => [e.start, e.end, e.column, e.offset]),
  }
  const grid = [Math.ceil(o.n / tile.n), Math.ceil(o.m / tile.m), heads * (o.batches ?? 1)] as const
  g.dispatch(shader, entry, used, params, grid)
}
