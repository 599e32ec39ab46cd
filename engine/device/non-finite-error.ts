/** @file Numbers that are NaN or infinite where a host hands them to the engine. */

/**
 * Something that should be numbers has NaN or infinity in it. The message says what, and is for people.
 * @example
 * try {
 *   await segmenter.segment(image, { points: [{ x: 120, y: 80 }] })
 * } catch (error) {
 *   if (!(error instanceof NonFiniteError)) throw error
 *   showNote(error.message) // which tensor has NaN in it
 * }
 */
export class NonFiniteError extends Error {
  override name = 'NonFiniteError'
}

/** The index of the first value that is not finite, or -1. Read by bits, which is fast enough for whole images. */
export function firstNonFinite({ buffer, byteOffset, length }: Float32Array): number {
  const bits = new Uint32Array(buffer, byteOffset, length)
  for (let i = 0; i < length; i++) if ((bits[i] & 0x7f800000) === 0x7f800000) return i
  return -1
}
