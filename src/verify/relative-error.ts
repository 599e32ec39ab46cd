/** @file The relative error between two arrays of numbers. */

/** ‖a − b‖ / ‖b‖ in float64; NaN if either contains NaN, or the lengths differ. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return NaN
  let difference = 0
  let norm = 0
  for (let i = 0; i < a.length; i++) {
    difference += (a[i] - b[i]) ** 2
    norm += b[i] ** 2
  }
  return norm > 0 ? Math.sqrt(difference / norm) : difference === 0 ? 0 : Infinity
}
