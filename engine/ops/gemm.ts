/**
 * @file Matrix multiplication: one strided, batched GEMM with fused epilogues (bias, activation, residual, LoRA), in several
 * kernel variants. `engine.variants.matmul` says which one to record for each class of shapes.
 *
 * - `shared` stages tiles in workgroup memory, for GPUs.
 * - `shared-small` is `shared` with tiles of 32 x 32 for few or narrow outputs (gemm-small.ts).
 * - `shared-large` has tiles of 128 x 128 and 128 x 64 as well, for large products, and splits k itself (gemm-large.ts).
 * - `direct` reads memory straight into registers. Like `shared`, it has kernels that read vec4 if everything is aligned.
 * - `subgroup`, for software adapters with subgroups: each lane loads a part of the tile and broadcasts it to the others.
 * - `transposed`, for software adapters without subgroups: transposes A first (gemm-transposed.ts).
 * - `matrix`, `matrix-split3`, for GPUs with matrix units: large products only (gemm-matrix.ts), others as
 *   `shared-large`.
 * - variants.roundOperands: any of these on operands that are rounded first (rounded-operands.ts).
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
import { aligned, alignedThroughout, dispatchGemm, type GemmKernel, multiplesOf4 } from './gemm-dispatch'
import { largeTiles } from './gemm-large'
import { fitsMatrix, gemmMatrix } from './gemm-matrix'
import type { Gemm } from './gemm-types'
import { suitsSmallTiles } from './gemm-small'
import { withRoundedOperands } from './rounded-operands'
import { gemmSplit, splitRanges } from './gemm-split'
import { fitsTransposed, gemmTransposed } from './gemm-transposed'

/** One kernel for each layout, all with the same tile. */
const kernels = (shader: Shader, prefix: string, m: number, n: number) =>
  Object.fromEntries(
    LAYOUTS.map((layout) => [layout, { shader, entry: `${prefix}_${layout}`, tile: { m, n } }]),
  ) as Record<Gemm['layout'], GemmKernel>

const SHARED = /* @__PURE__ */ kernels(shared, 'shared', 64, 64)
const SHARED_FOUR = /* @__PURE__ */ kernels(sharedFour, 'shared4', 64, 64)
const SMALL = /* @__PURE__ */ kernels(small, 'small', 32, 32)
const DIRECT = /* @__PURE__ */ kernels(direct, 'direct', 64, 64)
const SUBGROUP = /* @__PURE__ */ kernels(subgroup, 'subgroup', 16, 32)
/** There is no vec4 kernel for nt: it would read four rows of each operand at once, which is slower than DIRECT. */
const DIRECT_FOUR: Partial<typeof DIRECT> = {
  nn: { shader: directFour, entry: 'direct4_nn', tile: { m: 32, n: 64 } },
  tn: { shader: directFour, entry: 'direct4_tn', tile: { m: 64, n: 64 } },
}

export type { Gemm, Operand } from './gemm-types'

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
  // products that its large tiles do not suit
  'shared-large': 'shared-small',
  direct: 'direct',
  transposed: 'direct',
  subgroup: 'subgroup',
  'shared-split': 'shared',
  'direct-split': 'direct',
  'subgroup-split': 'subgroup',
  // products that are not worth matrix units
  matrix: 'shared-small',
  'matrix-split3': 'shared-small',
}

/** Records C = act(alpha·A·B + LoRA + bias) + residual (+ C). FLOPs: 2·m·n·k for each batch and head. */
export function gemm(g: Recorder, o: Gemm): void {
  const { matmul, roundOperands } = g.engine.variants
  recordVariant(matmul[matmulClass(o.layout, o.m, o.n, o.k)], g, roundOperands ? withRoundedOperands(g, o) : o)
}

function recordVariant(variant: MatmulVariant, g: Recorder, o: Gemm): void {
  if (variant === 'transposed' && fitsTransposed(o))
    return gemmTransposed(g, o, (to, part) => recordVariant(variant, to, part))
  const matrix = variant === 'matrix' || variant === 'matrix-split3'
  if (matrix && fitsMatrix(g.engine, o, variant)) return gemmMatrix(g, o, variant)
  const choosing = matrix || variant === 'shared-large'
  const large = choosing && largeTiles(o, g.engine.variants.largeTile)
  if (large) {
    const { kernel, ranges } = large
    if (!ranges) return dispatchGemm(g, o, kernel)
    return gemmSplit(g, o, ranges, (to, part) => dispatchGemm(to, part, kernel))
  }
  const split = choosing ? matmulClass(o.layout, o.m, o.n, o.k).endsWith('deep') : variant.endsWith('split')
  const ranges = split ? splitRanges(o) : null
  if (ranges) return gemmSplit(g, o, ranges, (to, part) => recordSingle(BASE[variant], to, part))
  recordSingle(BASE[variant], g, o)
}

function recordSingle(variant: SingleDispatch, g: Recorder, o: Gemm): void {
  dispatchGemm(g, o, kernelOf(variant, o))
}
