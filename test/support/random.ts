/** @file Seeded random numbers for tests. */
export { relativeError } from '../../src/verify/relative-error'

/** Random numbers (mulberry32), uniform in [-1, 1). */
export function randoms(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (((t ^ (t >>> 14)) >>> 0) / 4294967296) * 2 - 1
  }
}

export function randomArray(seed: number, size: number, scale = 1): Float32Array {
  const next = randoms(seed)
  return Float32Array.from({ length: size }, () => next() * scale)
}
