/** @file Floats to halves (f16) on the host: to the nearest, ties to even, as the reference formats round. */

/** 0.5: added to a number below the smallest normal half, it leaves the half's own bits at the end of the sum's. */
const MAGIC = new Uint32Array(Float32Array.of(0.5).buffer)[0]
const LARGEST = 0x7bff
/** Bits of f32 numbers: 65520, from which halves overflow; 2^-14, the smallest normal half; 2^-25, up to which they are 0. */
const [OVERFLOW, NORMAL, VANISHING] = new Uint32Array(Float32Array.of(65520, 2 ** -14, 2 ** -25).buffer)
/** The largest bits of a number: infinity's. */
const NOT_A_NUMBER = 0x7f800000

/** The halves of an even number of floats, two a word, the first in its low bits. Beyond 65504: that; NaN stays NaN. */
export function toHalves(values: Float32Array): Uint32Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const words = new Uint32Array(values.length / 2)
  // the weights that a run is planned with are zeros, hundreds of millions of them
  let first = 0
  while (first < words.length && !(bits[2 * first] | bits[2 * first + 1])) first++
  for (let i = first; i < words.length; i++) words[i] = halfOf(bits[2 * i]) | (halfOf(bits[2 * i + 1]) << 16)
  return words
}

const float = new Float32Array(1)
const floatBits = new Uint32Array(float.buffer)

function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const size = bits & 0x7fffffff
  if (size >= OVERFLOW) return sign | (size > NOT_A_NUMBER ? 0x7e00 : LARGEST)
  // the exponent's bias falls from 127 to 15; halfway between two halves the even one is taken
  if (size >= NORMAL) return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13)
  if (size < VANISHING) return sign
  floatBits[0] = size
  float[0] += 0.5
  return sign | (floatBits[0] - MAGIC)
}
