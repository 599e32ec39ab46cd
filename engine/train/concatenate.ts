/** @file Arrays of parameters one after the other. */

/** The values of all arrays in one. */
export function concatenate(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0))
  arrays.reduce((at, array) => (all.set(array, at), at + array.length), 0)
  return all
}
