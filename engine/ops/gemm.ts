/**
 * @file Matrix multiplication: one strided, batched GEMM with fused epilogues (bias, activation, residual, LoRA), in several
 * kernel variants. `engine.variants.matmul` says which one to record for each class of shapes.
 *
 * - `shared` stages tiles in workgroup memory, for GPUs.
 * - `shared-small` is `shared` with tiles of 32 x 32 for few or narrow outputs (gemm-small.ts).
 * - `direct` reads memory straight into registers. Like `shared`, it has kernels that read vec4 if everything is aligned.
 * - `subgroup`, for software adapters with subgroups: each lane loads a part of the tile and broadcasts it to the others.
 * - `transposed`, for software adapters without subgroups: transposes A first (gemm-transposed.ts).
 * - `shared-split`, `direct-split`, `subgroup-split`: the same kernels over ranges of k in parallel (gemm-split.ts).
 */
import type { MatmulVariant } from '../device/kernel-variants'
import { LAYOUTS, matmulClass } from '../device/matmul-class'
import type { Shader } from '../device/shader'
import direct from '../../shaders/gemm-direct.wgsl'
import directFour from '../../shaders/gemm-direct4.wgsl'
import shared from '../../shaders/gemm-shared.wgsl'
import sharedFour from '../../shaders/gemm-shared4.wgsl'
import small from '../../shaders/gemm-small.wgsl'
import subgroup from '../../shaders/gemm-subgroup.wgsl'
import type { Recorder } from '../graph/dispatch'
import type { Tensor } from '../device/tensor'
import type { Gemm } from './gemm-types'
import { suitsSmallTiles } from './gemm-small'
import { gemmSplit, splitRanges } from './gemm-split'
import { fitsTransposed, gemmTransposed } from './gemm-transposed'
import { ACTIVATION } from './pointwise'

interface GemmKernel {
  shader: Shader
  entry: string
  /** Rows and columns of C that one workgroup computes. */
  tile: { m: number; n: number }
}

/** One kernel for each layout, all with the same tile. */
const kernels = (shader: Shader, prefix: string, m: number, n: number) =>
  Object.fromEntries(
    LAYOUTS.map((layout) => [layout, { shader, entry: `${prefix}_${layout}`, tile: { m, n } }]),
  ) as Record<Gemm['layout'], GemmKernel>

const SHARED = kernels(shared, 'shared', 64, 64)
const SHARED_FOUR = kernels(sharedFour, 'shared4', 64, 64)
const SMALL = kernels(small, 'small', 32, 32)
const DIRECT = kernels(direct, 'direct', 64, 64)
const SUBGROUP = kernels(subgroup, 'subgroup', 16, 32)
/** There is no vec4 kernel for nt: it would read four rows of each operand at once, which is slower than DIRECT. */
const DIRECT_FOUR: Partial<typeof DIRECT> = {
  nn: { shader: directFour, entry: 'direct4_nn', tile: { m: 32, n: 64 } },
  tn: { shader: directFour, entry: 'direct4_tn', tile: { m: 64, n: 64 } },
}

export type { Gemm, Operand } from './gemm-types'

const multiplesOf4 = (numbers: number[]) => numbers.every((n) => n % 4 === 0)

/** The numbers that must be multiples of 4 for a kernel that accesses b and c as vec4. */
function aligned({ n, a, b, c, lora }: Gemm): number[] {
  const operands = [a, b, c].flatMap(({ stride, offset = 0, batch = 0, head = 0 }) => [stride, offset, batch, head])
  return [n, ...operands, ...(lora?.extensions ?? []).map(({ offset }) => offset)]
}

/**
 * The numbers that must be multiples of 4 for a kernel that accesses all operands as vec4. For tn, `rows` is checked in
 * place of m; a kernel that may read A beyond m rows passes 0.
 */
function alignedThroughout(o: Gemm, rows = o.m): number[] {
  const { k, layout, lora } = o
  const extension = lora
    ? [lora.left.columns, lora.rank, ...lora.extensions.flatMap((e) => [e.start, e.end, e.column])]
    : []
  return [...aligned(o), layout === 'tn' ? rows : k, ...extension]
}

/** A variant that computes a product by one dispatch. */
type SingleDispatch = 'shared' | 'shared-small' | 'direct' | 'subgroup'

function kernelOf(variant: SingleDispatch, o: Gemm): GemmKernel {
  const { layout, m } = o
  if (variant === 'shared-small' && suitsSmallTiles(o) && multiplesOf4(alignedThroughout(o))) return SMALL[layout]
  if (variant.startsWith('shared')) return (multiplesOf4(alignedThroughout(o)) ? SHARED_FOUR : SHARED)[layout]
  // with fewer than nine rows most of a subgroup's tile would be empty
  if (variant === 'subgroup' && m > 8 && multiplesOf4(alignedThroughout(o, 0))) return SUBGROUP[layout]
  return (multiplesOf4([...aligned(o), layout === 'tn' ? m : 0]) && DIRECT_FOUR[layout]) || DIRECT[layout]
}

/** The kernels that each variant runs: of each range if it splits k, or of products that it does not transpose. */
const BASE: Record<MatmulVariant, SingleDispatch> = {
  shared: 'shared',
  'shared-small': 'shared-small',
  direct: 'direct',
  transposed: 'direct',
  subgroup: 'subgroup',
  'shared-split': 'shared',
  'direct-split': 'direct',
  'subgroup-split': 'subgroup',
  // their own kernels follow
  matrix: 'shared',
  'matrix-split3': 'shared',
}

/** Records C = act(alpha·A·B + LoRA + bias) + residual (+ C). FLOPs: 2·m·n·k for each batch and head. */
export function gemm(g: Recorder, o: Gemm): void {
  recordVariant(g.engine.variants.matmul[matmulClass(o.layout, o.m, o.n, o.k)], g, o)
}

function recordVariant(variant: MatmulVariant, g: Recorder, o: Gemm): void {
  if (variant === 'transposed' && fitsTransposed(o))
    return gemmTransposed(g, o, (to, part) => recordVariant(variant, to, part))
  const ranges = variant.endsWith('split') ? splitRanges(o) : null
  if (ranges) return gemmSplit(g, o, ranges, (to, part) => recordSingle(BASE[variant], to, part))
  recordSingle(BASE[variant], g, o)
}

function recordSingle(variant: SingleDispatch, g: Recorder, o: Gemm): void {
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
  const { shader, entry, tile } = kernelOf(variant, o)
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
