/** @file Floats to halves (f16) on the host: to the nearest, ties to even, as the reference formats round. */

/** 0.5: added to a number below the smallest normal half, it leaves the half's own bits at the end of the sum's. */
const MAGIC = new Uint32Array(Float32Array.of(0.5).buffer)[0]
const LARGEST = 0x7bff
/** Bits of the f32 numbers 65520, from which halves overflow, and 2^-14, the smallest normal half. */
const [OVERFLOW, NORMAL] = new Uint32Array(Float32Array.of(65520, 2 ** -14).buffer)

/** The halves of an even number of floats, two a word, the first in its low bits. Beyond 65504: that; NaN stays NaN. */
export function toHalves(values: Float32Array): Uint32Array {
  const words = new Uint32Array(values.length / 2)
  const float = new Float32Array(1)
  const bits = new Uint32Array(float.buffer)
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i]
    const sign = (bits[0] >>> 16) & 0x8000
    const size = bits[0] & 0x7fffffff
    let half: number
    if (size >= OVERFLOW) half = size > 0x7f800000 ? 0x7e00 : LARGEST
    else if (size >= NORMAL) half = (size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13
    else {
      bits[0] = size
      float[0] += 0.5
      half = bits[0] - MAGIC
    }
    words[i >> 1] |= (sign | half) << (i & 1 ? 16 : 0)
  }
  return words
}
