/** @file Measures the adapter's peak rates with our own kernels; all other rates are compared with them. */
import { LAYOUTS } from '../engine/device/matmul-class'
import peaks from '../shaders/peaks.wgsl'
import matrixPeaks from '../shaders/peaks-matrix.wgsl'
import { elementwiseGrid } from '../engine/graph/lane-rounds'
import type { MicroCase } from './micro-case'
import { matmulCase } from './ops/gemm'

/** Rounds of the arithmetic loop: enough to make the time of the final store negligible. */
const ROUNDS = 1024

const copy = (bytes: number): MicroCase => ({
  name: `copy ${bytes >> 20} MiB`,
  quick: false,
  record(bench) {
    const count = bytes / 16
    const x = bench.operand('x', count, 4)
    const y = bench.g.tensor('y', [count, 4])
    const { rounds, grid } = elementwiseGrid(bench.engine, count)
    bench.g.dispatch(peaks, 'copy', { x, y }, { count, factor: 0, rounds }, grid)
    return { output: null, forward: { flops: 0, bytes: 2 * bytes } }
  },
})

export const multiplyAdd = (groups: number): MicroCase => ({
  name: `multiply-add ${groups * 256} lanes`,
  quick: false,
  record(bench) {
    const sums = bench.g.tensor('sums', [groups * 256])
    // a factor below 1 makes the sums converge, so that they never overflow
    bench.g.dispatch(peaks, 'multiply_add', { sums }, { count: ROUNDS, factor: 0.5, rounds: 1 }, [groups])
    return { output: null, forward: { flops: groups * 256 * ROUNDS * 64, bytes: sums.size * 4 } }
  },
})

/** FLOPs of a round of a workgroup in peaks-matrix.wgsl: four subgroups, each with eight products of 16x16x16. */
const MATRIX_FLOPS = 4 * 8 * 2 * 16 ** 3

const matrixMultiplyAdd = (groups: number): MicroCase => ({
  name: `matrix units ${groups} workgroups`,
  quick: false,
  record(bench) {
    const sums = bench.g.tensor('sums', [groups * 4 * 2048])
    bench.g.dispatch(matrixPeaks, 'multiply_add', { sums }, { count: ROUNDS, factor: 0.125 }, [groups])
    return { output: null, forward: { flops: groups * ROUNDS * MATRIX_FLOPS, bytes: sums.size * 4 } }
  },
})

/** The case of the rate of matrix units, for an engine that has them. */
export const matrixPeak: MicroCase = matrixMultiplyAdd(2048)

export const peakNames = ['copy', 'multiplyAdd', 'gemm'] as const
export type PeakName = (typeof peakNames)[number]

/** The cases for each peak, of which the best counts. `small`: for a slow adapter. */
export function peakCases(small: boolean, maxBinding: number): Record<PeakName, MicroCase[]> {
  const side = small ? 512 : 4096
  // larger than any cache
  const bytes = Math.min(small ? 64 << 20 : 512 << 20, Math.floor(maxBinding / 2 ** 20) * 2 ** 20)
  return {
    copy: [copy(bytes)],
    multiplyAdd: [multiplyAdd(small ? 32 : 8192)],
    gemm: LAYOUTS.map((layout) => matmulCase(layout, [side, side, side], 'large', false)),
  }
}
