/**
 * @file Matrix products on matrix units. `matrix` rounds the operands to f16 and adds in f32; `matrix-split3` adds three
 * products of the operands' high and low parts, which is about as accurate as f32. Both multiply the operands by powers of two
 * that fit them into the range of f16 (operand-scale.ts). Products with too few workgroups are split over k.
 */
import type { Engine } from '../device/engine'
import { MATRIX_WORK } from '../device/kernel-variants'
import type { Recorder } from '../graph/dispatch'
import { matmulClass } from '../device/matmul-class'
import { Tensor, eligibleForF16 } from '../device/tensor'
import half from '../../shaders/gemm-matrix.wgsl'
import split3 from '../../shaders/gemm-matrix-split3.wgsl'
import { alignedThroughout, dispatchGemm, type GemmKernel, isOneDispatch, multiplesOf4 } from './gemm-dispatch'
import { type SplitAim, gemmSplit, splitRanges } from './gemm-split'
import type { Gemm, Operand } from './gemm-types'
import { type Region, largestOf, noteLargest, scalesOf, wholeOf } from './operand-scale'

export type MatrixVariant = 'matrix' | 'matrix-split3'

interface MatrixKernel extends GemmKernel {
  /** Bytes of workgroup memory. */
  memory: number
}

const KERNELS: Record<MatrixVariant, MatrixKernel> = {
  matrix: { shader: half, entry: 'matrix', tile: { m: 128, n: 128 }, memory: 30720 },
  'matrix-split3': { shader: split3, entry: 'matrix_split3', tile: { m: 64, n: 128 }, memory: 43008 },
}

/** Minimum share of the computed outputs that exist: the blocks are large, and narrow products leave most of one unused. */
const MIN_SHARE = 0.4
/** An H100 has 132 compute units, each with room for two workgroups. Ranges are longer than those of f32, as they end sooner. */
const AIM = { workgroups: 264, terms: 256 }

/** True if the product can be computed by a kernel for matrix units, and is large enough to gain by it. */
export function fitsMatrix({ device, matrixUnits, variants }: Engine, o: Gemm, variant: MatrixVariant): boolean {
  const { tile, memory } = KERNELS[variant]
  const { m, n, k, batches = 1, heads = 1 } = o
  if (matrixUnits?.subgroupSize !== 32 || !multiplesOf4(alignedThroughout(o))) return false
  if (device.limits.maxComputeWorkgroupStorageSize < memory) return false
  const { matrixWork = MATRIX_WORK } = variants
  if (!matrixWork) return true
  const computed = Math.ceil(m / tile.m) * tile.m * Math.ceil(n / tile.n) * tile.n
  return m * n >= MIN_SHARE * computed && m * n * k * batches * heads >= matrixWork
}

/** Records the product `o`, which `fitsMatrix`. */
export function gemmMatrix(g: Recorder, o: Gemm, variant: MatrixVariant): void {
  const { lora } = o
  const regions = operandRegions(o)
  const largest = {
    a: largestOf(g, o.a.tensor, regions.a),
    b: largestOf(g, o.b.tensor, regions.b),
    left: lora ? largestOf(g, lora.left, wholeOf(lora.left)) : null,
    right: lora ? largestOf(g, lora.right, wholeOf(lora.right)) : null,
  }
  const record = (to: Recorder, part: Gemm, more: { pre?: Tensor } = {}) => {
    const scales = scalesOf(to, largest, part.alpha ?? 1, part.lora?.scale ?? 0, part.bias ?? null)
    dispatchGemm(to, part, kernelOf(variant, part), { bias_values: scales, ...more })
  }
  const ranges = splitRanges(o, aimOf(variant))
  if (ranges) return gemmSplit(g, o, ranges, record)
  const { m, n, c } = o
  const whole = m * n === c.tensor.size && c.stride === n
  if (!o.operand || !whole || !isOneDispatch(g, o, KERNELS[variant])) return record(g, o)
  const count = largestCount(o, variant)
  const stored = o.pre ? wordsBehind(o.pre, count) : g.tensor(`${c.tensor.label}: largest`, [count], 'statistic')
  if (!stored) return record(g, o)
  record(g, o, { pre: o.pre ? new Tensor(stored.storage, [stored.storage.bytes / 4], 0, null, true) : stored })
  noteLargest(g, c.tensor, stored)
}

/** Words in which a product stores the largest magnitudes of C: two for each workgroup. */
const largestCount = ({ m, n }: Gemm, variant: MatrixVariant): number => {
  const { tile } = KERNELS[variant]
  return 2 * Math.ceil(m / tile.m) * Math.ceil(n / tile.n)
}

/** The words behind the f16 of a tensor of `tensorBefore`; null if there are none. */
function wordsBehind({ storage, size }: Tensor, count: number): Tensor | null {
  const has = storage.f16 && storage.bytes === 2 * size + 4 * count
  return has ? new Tensor(storage, [count], size / 2, null, true) : null
}

/**
 * Where a product keeps its values before the activation (m, n), as f16 where nothing is lost by it. A kernel can count on eight
 * bindings only, so if C is read by other products its largest magnitudes are stored behind them, where they can be bound.
 */
export function tensorBefore(g: Recorder, o: Gemm, label: string): Tensor {
  const { m, n } = o
  if (!keepsHalf(g.engine, o)) return g.tensor(label, [m, n])
  const behind = o.operand && (m * n) % 128 === 0 ? largestCount(o, 'matrix') : 0
  return new Tensor(g.tensor(label, [m * n + 2 * behind], 'activation', 'f16').storage, [m, n])
}

const aimOf = (variant: MatrixVariant): SplitAim => ({ ...AIM, tile: KERNELS[variant].tile })

/** True if a product runs on matrix units in one dispatch, so that it can be multiplied by GELU's slope (Gemm.slope). */
export function fusesSlope(engine: Engine, o: Gemm): boolean {
  const variant = engine.variants.matmul[matmulClass(o.layout, o.m, o.n, o.k)]
  if (variant !== 'matrix' && variant !== 'matrix-split3') return false
  return fitsMatrix(engine, o, variant) && !splitRanges(o, aimOf(variant))
}

/** True if a product can keep its values before the activation as f16 without a loss: in precision `high`, where all operands are. */
const keepsHalf = (engine: Engine, o: Gemm): boolean =>
  engine.variants.matmul[matmulClass(o.layout, o.m, o.n, o.k)] === 'matrix' &&
  fitsMatrix(engine, o, 'matrix') &&
  eligibleForF16(o.m * o.n) &&
  // it is read eight at a time
  (o.m * o.n) % 8 === 0

function kernelOf(variant: MatrixVariant, { layout }: Gemm): GemmKernel {
  const constants = { a_along_k: layout === 'tn' ? 0 : 1, b_along_k: layout === 'nt' ? 1 : 0 }
  return { ...KERNELS[variant], constants }
}

/** The elements of the operands that a product reads. */
export function operandRegions({ layout, m, n, k, a, b, batches = 1, heads = 1 }: Gemm): Record<'a' | 'b', Region> {
  const region = (operand: Operand, rows: number, columns: number): Region => {
    if (operand.complete) return wholeOf(operand.tensor)
    const { offset = 0, stride, batch = 0, head = 0 } = operand
    // a batch or head that all share is read once
    const [numberOfBatches, numberOfHeads] = [batch ? batches : 1, head ? heads : 1]
    return { rows, columns, stride, start: offset, batches: numberOfBatches, batch, heads: numberOfHeads, head }
  }
  return {
    a: layout === 'tn' ? region(a, k, m) : region(a, m, k),
    b: layout === 'nt' ? region(b, n, k) : region(b, k, n),
  }
}
