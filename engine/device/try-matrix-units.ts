/** @file Tries the matrix units of a device by a small product, before kernels rely on them. */
import shader from '../../shaders/matrix-probe.wgsl'
import type { Engine } from './engine'
import { toF16 } from './float16'
import { OneShotKernel } from './one-shot-kernel'

/** Rows, columns and terms of the product. */
const [M, N, K] = [64, 16, 32]

/**
 * Computes a product on matrix units and returns how many of its elements are wrong. A driver that cannot be trusted may
 * also end the process, or never return.
 * @throws Error if the kernel does not compile, or the device failed
 */
export async function tryMatrixUnits(engine: Engine): Promise<number> {
  // whole numbers, whose products and sums f32 holds exactly and f16 does not
  const a = Float32Array.from({ length: M * K }, (_, i) => ((i * 37) % 101) - 30)
  const b = Float32Array.from({ length: K * N }, (_, i) => ((i * 53) % 97) - 20)
  const tensors = {
    a: engine.persistent('input', 'matrix probe: a', [M, K], a),
    b: engine.persistent('input', 'matrix probe: b', [(K * N) / 2], toF16(b)),
    c: engine.persistent('activation', 'matrix probe: c', [M, N], new Float32Array(M * N).fill(NaN)),
  }
  const kernel = await OneShotKernel.create(engine, shader, 'product')
  kernel.run(tensors, {}, [1])
  const c = await engine.read(tensors.c)
  kernel.destroy()
  for (const tensor of Object.values(tensors)) engine.release(tensor)
  return c.filter((value, i) => {
    let sum = 0
    for (let k = 0; k < K; k++) sum += a[Math.floor(i / N) * K + k] * b[k * N + (i % N)]
    return value !== sum
  }).length
}
