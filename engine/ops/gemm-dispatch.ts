/** @file Records one dispatch of a matrix product's kernel: its tensors, parameters and grid. */
import type { Shader } from '../device/shader'
import type { Tensor } from '../device/tensor'
import type { Recorder } from '../graph/dispatch'
import type { Gemm } from './gemm-types'
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

/** Records the product `o` by a kernel. `more` are tensors that only this kernel binds, by the shader's names. */
export function dispatchGemm(g: Recorder, o: Gemm, kernel: GemmKernel, more: Record<string, Tensor> = {}): void {
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
    residual: o.residual ? 1 : 0,
    accumulate: o.accumulate ?? 0,
    keep_pre: o.pre ? 1 : 0,
    extensions: lora?.extensions.length ?? 0,
    rank: lora?.rank ?? 0,
    ext_scale: lora?.scale ?? 0,
    ext: (lora?.extensions ?? []).map((e) => [e.start, e.end, e.column, e.offset]),
  }
  const grid = [Math.ceil(o.n / tile.n), Math.ceil(o.m / tile.m), heads * (o.batches ?? 1)] as const
  g.dispatch(shader, entry, used, params, grid, constants)
}
