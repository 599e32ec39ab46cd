/**
 * @file Converts f32 to f16 (IEEE 754 half precision) on the host: rounded to nearest, ties to even, as NumPy and PyTorch
 * do, except that numbers beyond the range become the largest finite f16 instead of infinity.
 */

/** The bits of 0.5f. Adding 0.5 to a number below the smallest normal f16 leaves that f16's bits at the end of the sum. */
const MAGIC = new Uint32Array(Float32Array.of(0.5).buffer)[0]
/** The f16 bits of 65504, the largest finite value. */
const LARGEST = 0x7bff
/** f32 bits of: 65520, from which f16 overflows; 2^-14, the smallest normal f16; 2^-25, up to which f16 rounds to 0. */
const [OVERFLOW, NORMAL, VANISHING] = new Uint32Array(Float32Array.of(65520, 2 ** -14, 2 ** -25).buffer)
/** The f32 bits of infinity; a magnitude with larger bits is NaN. */
const INFINITE = 0x7f800000

/**
 * Packs an even number of floats as f16, two per 32-bit word, the first in the low bits. Magnitudes above 65504 become
 * 65504; NaN stays NaN.
 */
export function toF16(values: Float32Array): Uint32Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const words = new Uint32Array(values.length / 2)
  // leading zeros are skipped: the weights with which a run is planned are hundreds of millions of zeros
  let first = 0
  while (first < words.length && !(bits[2 * first] | bits[2 * first + 1])) first++
  for (let i = first; i < words.length; i++) words[i] = f16Bits(bits[2 * i]) | (f16Bits(bits[2 * i + 1]) << 16)
  return words
}

const float = new Float32Array(1)
const floatBits = new Uint32Array(float.buffer)

/** From the bits of an f32. */
function f16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude >= OVERFLOW) return sign | (magnitude > INFINITE ? 0x7e00 : LARGEST)
  // the exponent's bias falls from 127 to 15; a tie between two f16 values goes to the even one
  if (magnitude >= NORMAL) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
  if (magnitude < VANISHING) return sign
  floatBits[0] = magnitude
  float[0] += 0.5
  return sign | (floatBits[0] - MAGIC)
}
