/**
 * @file Matrix products: one strided, batched GEMM with fused epilogues in four forms. `shared` stages tiles in workgroup
 * memory, for GPUs (gemm_shared.wgsl), `direct` reads memory straight into registers (gemm.wgsl); both have kernels that read
 * four floats at a time where all is aligned to them (gemm_shared4.wgsl, gemm4.wgsl). The others are for software adapters:
 * `subgroup` has lanes read for each other (gemm-subgroup.wgsl), `transposed` goes by way of Aᵀ where there are no subgroups.
 * All but the last can also run over ranges of k side by side (gemm-split.ts). The engine has a form for each class of shapes.
 */
import type { ProductForm } from '../device/kernel-variants'
import { LAYOUTS, productClass } from '../device/matmul-class'
import type { Shader } from '../device/shader'
import direct from '../../shaders/gemm-direct.wgsl'
import directFour from '../../shaders/gemm-direct4.wgsl'
import shared from '../../shaders/gemm-shared.wgsl'
import sharedFour from '../../shaders/gemm-shared4.wgsl'
import subgroup from '../../shaders/gemm-subgroup.wgsl'
import type { Recorder } from '../graph/dispatch'
import type { Tensor } from '../device/tensor'
import type { Gemm } from './gemm-types'
import { gemmSplit, rangesOf } from './gemm-split'
import { fitsTransposed, gemmTransposed } from './gemm-transposed'
import { ACTIVATION } from './pointwise'

interface Variant {
  shader: Shader
  entry: string
  /** Rows and columns of C that one workgroup computes. */
  tile: { m: number; n: number }
}

/** One kernel a layout, by the same tile. */
const variants = (shader: Shader, prefix: string, m: number, n: number) =>
  Object.fromEntries(
    LAYOUTS.map((layout) => [layout, { shader, entry: `${prefix}_${layout}`, tile: { m, n } }]),
  ) as Record<Gemm['layout'], Variant>

const SHARED = variants(shared, 'shared', 64, 64)
const SHARED_FOUR = variants(sharedFour, 'shared4', 64, 64)
const DIRECT = variants(direct, 'direct', 64, 64)
const SUBGROUP = variants(subgroup, 'subgroup', 16, 32)
/** Four wide, an NT would read four rows of each operand at once and lose to the general one. */
const DIRECT_FOUR: Partial<typeof DIRECT> = {
  nn: { shader: directFour, entry: 'direct4_nn', tile: { m: 32, n: 64 } },
  tn: { shader: directFour, entry: 'direct4_tn', tile: { m: 64, n: 64 } },
}

export type { Gemm, Operand } from './gemm-types'

const whole = (numbers: number[]) => numbers.every((n) => n % 4 === 0)

/** What must be multiples of 4 where b and c are read four floats at a time. */
function aligned({ n, a, b, c, lora }: Gemm): number[] {
  const operands = [a, b, c].flatMap(({ stride, offset = 0, batch = 0, head = 0 }) => [stride, offset, batch, head])
  return [n, ...operands, ...(lora?.extensions ?? []).map(({ offset }) => offset)]
}

/** The same where all operands are. `m` of a tn product counts as `rows`: a kernel may read its rows beyond the matrix. */
function alignedThroughout(o: Gemm, rows = o.m): number[] {
  const { k, layout, lora } = o
  const extension = lora
    ? [lora.left.columns, lora.rank, ...lora.extensions.flatMap((e) => [e.start, e.end, e.column])]
    : []
  return [...aligned(o), layout === 'tn' ? rows : k, ...extension]
}

/** A form by whose kernels one dispatch computes it all. */
type Whole = 'shared' | 'direct' | 'subgroup'

function variantOf(form: Whole, o: Gemm): Variant {
  const { layout, m } = o
  if (form === 'shared') return (whole(alignedThroughout(o)) ? SHARED_FOUR : SHARED)[layout]
  // below nine rows most of a subgroup's tile would be empty
  if (form === 'subgroup' && m > 8 && whole(alignedThroughout(o, 0))) return SUBGROUP[layout]
  return (whole([...aligned(o), layout === 'tn' ? m : 0]) && DIRECT_FOUR[layout]) || DIRECT[layout]
}

/** The form that each form of products leaves to: what it splits, or what it cannot transpose. */
const WHOLE: Record<ProductForm, Whole> = {
  shared: 'shared',
  direct: 'direct',
  transposed: 'direct',
  subgroup: 'subgroup',
  'shared-split': 'shared',
  'direct-split': 'direct',
  'subgroup-split': 'subgroup',
}

/** Records C = act(alpha·A·B + LoRA + bias) + residual (+ C). FLOPs: 2·m·n·k a batch and head. */
export function gemm(g: Recorder, o: Gemm): void {
  recordBy(g.engine.products[productClass(o.layout, o.m, o.n, o.k)], g, o)
}

function recordBy(form: ProductForm, g: Recorder, o: Gemm): void {
  if (form === 'transposed' && fitsTransposed(o)) return gemmTransposed(g, o, (to, part) => recordBy(form, to, part))
  const ranges = form.endsWith('split') ? rangesOf(o) : null
  if (ranges) return gemmSplit(g, o, ranges, (to, part) => recordWhole(WHOLE[form], to, part))
  recordWhole(WHOLE[form], g, o)
}

function recordWhole(form: Whole, g: Recorder, o: Gemm): void {
  const { a, b, c, lora } = o
  const heads = o.heads ?? 1
  const bindings: Record<string, Tensor | null> = {
    a: a.tensor,
    b: b.tensor,
    c: c.tensor,
    bias_values: o.bias ?? null,
    residual_values: o.residual ?? null,
    pre: o.pre ?? null,
    lora_left: lora?.left ?? null,
    lora_right: lora?.right ?? null,
  }
  const { shader, entry, tile } = variantOf(form, o)
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
    ld_left: lora?.left.columns ?? 0,
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
