/**
 * @file Numbers from 0 to 1 as bytes: a quarter of the memory on the way to the GPU, where they become f32 again. They are
 * multiples of 1/254; the byte 255 stands for "none", which is -1.
 */
import shader from '../../shaders/unit-bytes.wgsl'
import { type Tensor, sizeOf } from '../device/tensor'
import type { Graph } from '../graph/graph'
import { elementwiseGrid } from '../graph/lane-rounds'

const LEVELS = 254
const NONE = 255
/** As the kernel has it. */
const UNIT = Math.fround(1 / LEVELS)

/** The nearest bytes of numbers from 0 to 1; what is below 0 is "none". */
export function toUnitBytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length)
  for (let i = 0; i < values.length; i++) bytes[i] = values[i] < 0 ? NONE : values[i] * LEVELS + 0.5
  return bytes
}

/** The numbers that bytes stand for, with the bits that `unpackUnitBytes` gives. */
export const fromUnitBytes = (bytes: Uint8Array): Float32Array =>
  Float32Array.from(bytes, (byte) => (byte === NONE ? -1 : byte * UNIT))

/** Numbers of a shape from their bytes, four in a word. @throws Error if the sizes do not fit */
export function unpackUnitBytes(g: Graph, packed: Tensor, shape: readonly number[]): Tensor {
  const words = packed.size
  if (sizeOf(shape) !== 4 * words) throw new Error(`[${shape}] bytes are not the ${words} words of ${packed.label}`)
  // 'statistic', because they must not be rounded to f16
  const y = g.tensor(`${packed.label}: numbers`, shape, 'statistic')
  const { rounds, grid } = elementwiseGrid(g.engine, words)
  g.dispatch(shader, 'unpack', { x: packed, y }, { words, rounds }, grid)
  return y
}
