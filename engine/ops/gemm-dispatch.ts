/** @file Records a matrix product by a kernel: its tensors, parameters and grid, in several dispatches if its rows exceed a grid. */
import type { Shader } from '../device/shader'
import type { Tensor } from '../device/tensor'
import type { Recorder } from '../graph/dispatch'
import type { Gemm, Operand } from './gemm-types'
import { ACTIVATION } from './pointwise'

export interface GemmKernel {
  shader: Shader
  entry: string
  /** Rows and columns of C that one workgroup computes. */
  tile: { m: number; n: number }
  constants?: Record<string, number>
}

export const multiplesOf4 = (numbers: number[]) => numbers.every((n) => n % 4 === 0)

/** The numbers that must be multiples of 4 for a kernel that accesses b and c as vec4. */
export function aligned({ n, a, b, c, lora }: Gemm): number[] {
  const operands = [a, b, c].flatMap(({ stride, offset = 0, batch = 0, head = 0 }) => [stride, offset, batch, head])
  return [n, ...operands, ...(lora?.extensions ?? []).map(({ offset }) => offset)]
}

/**
 * The numbers that must be multiples of 4 for a kernel that accesses all operands as vec4. For tn, `rows` is checked in
 * place of m; a kernel that may read A beyond m rows passes 0.
 */
export function alignedThroughout(o: Gemm, rows = o.m): number[] {
  const { k, layout, lora } = o
  const extension = lora
    ? [lora.left.columns, lora.rank, ...lora.extensions.flatMap((e) => [e.start, e.end, e.column])]
    : []
  return [...aligned(o), layout === 'tn' ? rows : k, ...extension]
}

/** Only kernels for matrix units take f16, as words of two. */
const wordsOf = (tensor: Tensor | null | undefined) => (tensor?.storage.f16 ? tensor.asWords() : (tensor ?? null))

/** Tiles of rows of one dispatch, at most; a multiple of 64, so that parts of tensors begin where they can be bound. */
export const tilesOfRows = ({ engine }: Recorder) =>
  Math.floor(engine.device.limits.maxComputeWorkgroupsPerDimension / 64) * 64

/** True if a kernel computes the product in one dispatch. */
export const isOneDispatch = (g: Recorder, { m }: Gemm, { tile }: GemmKernel): boolean => m <= tilesOfRows(g) * tile.m

/**
 * Records the product `o` by a kernel. `more` are tensors that only this kernel binds, by the shader's names. Prompts on a large image
 * have millions of rows, more tiles than a grid may be long: they are divided.
 */
export function dispatchGemm(g: Recorder, o: Gemm, kernel: GemmKernel, more: Record<string, Tensor> = {}): void {
  const rows = tilesOfRows(g) * kernel.tile.m
  for (let start = 0; start < o.m; start += rows)
    dispatchRows(g, rowsOf(o, start, Math.min(o.m - start, rows)), kernel, more)
}

/** The product's rows from `start`, `m` of them. */
function rowsOf(o: Gemm, start: number, m: number): Gemm {
  if (m === o.m) return o
  const from = (x: Operand, stride: number): Operand => ({ ...x, offset: (x.offset ?? 0) + start * stride })
  const lora = o.lora && { ...o.lora, left: o.lora.left.slice(start, start + m) }
  return { ...o, m, a: from(o.a, o.layout === 'tn' ? 1 : o.a.stride), c: from(o.c, o.c.stride), lora }
}

function dispatchRows(g: Recorder, o: Gemm, kernel: GemmKernel, more: Record<string, Tensor>): void {
  const { a, b, c, lora } = o
  const heads = o.heads ?? 1
  const bindings: Record<string, Tensor | null> = {
    a: a.tensor,
    b: b.tensor,
    c: c.tensor,
    bias_values: o.bias ?? null,
    residual_values: wordsOf(o.slope ?? o.residual),
    pre: wordsOf(o.pre),
    lora_left: lora?.left ?? null,
    lora_right: lora?.right ?? null,
    ...more,
  }
  const { shader, entry, tile, constants } = kernel
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
    // above 1: see gemm-matrix-epilogue.wgsl, as keep_pre
    residual: o.slope ? (o.slope.storage.f16 ? 3 : 2) : o.residual ? 1 : 0,
    accumulate: o.accumulate ?? 0,
    keep_pre: o.pre ? (more.pre ? 4 : o.pre.storage.f16 ? 2 : 1) : more.pre ? 3 : 0,
    extensions: lora?.extensions.length ?? 0,
    rank: lora?.rank ?? 0,
    ext_scale: lora?.scale ?? 0,
    ext: (lora?.extensions ?? []).map((e) => [e.start, e.end, e.column, e.offset]),
  }
  const grid = [Math.ceil(o.n / tile.n), Math.ceil(o.m / tile.m), heads * (o.batches ?? 1)] as const
  g.dispatch(shader, entry, used, params, grid, constants)
}
