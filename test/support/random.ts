/** Seeded numbers for tests (mulberry32), uniform in [-1, 1). */
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

/** ‖a − b‖ / ‖b‖; NaN in either gives NaN, which no tolerance passes. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return NaN
  let difference = 0
  let norm = 0
  for (let i = 0; i < a.length; i++) {
    difference += (a[i] - b[i]) ** 2
    norm += b[i] ** 2
  }
  return Math.sqrt(difference) / Math.max(Math.sqrt(norm), 1e-30)
}
