/** @file The targets of the mask loss, from label maps. */
import { type LabelMap, MAX_LABEL } from './label-map'
import { resizeLongest } from './model-input'

/**
 * The training targets of some instances: the fraction, 0 to 1, of each cell of the low-resolution grid over the padded input
 * square that the instance covers. Exact areas, not samples, in one pass over the runs of equal labels in each row.
 * @param ids label values; the same id may occur more than once
 * @param size side of the model's input square
 * @param lowRes side of the grid
 * @returns (ids, lowRes, lowRes)
 * @throws Error if an id is 0, the background
 * @example
 * const targets = labelTargets(labels, [1, 7], 1024, 256) // the particles 1 and 7: (2, 256, 256)
 */
export function labelTargets(labels: LabelMap, ids: ArrayLike<number>, size: number, lowRes: number): Float32Array {
  const plane = lowRes * lowRes
  const targets = new Float32Array(ids.length * plane)
  const slot = new Int32Array(MAX_LABEL + 1).fill(-1)
  for (let i = 0; i < ids.length; i++) if (slot[ids[i]] < 0) slot[ids[i]] = i
  if (slot[0] >= 0) throw new Error('label 0 is the background and has no training target')

  addCoverage(labels, size, lowRes, targets, (id) => (slot[id] < 0 ? -1 : slot[id] * plane))
  for (let i = 0; i < targets.length; i++) if (targets[i] > 1) targets[i] = 1 // rounding of the sums
  for (let i = 0; i < ids.length; i++) {
    const first = slot[ids[i]]
    if (first !== i) targets.copyWithin(i * plane, first * plane, (first + 1) * plane)
  }
  return targets
}

/**
 * Adds to each cell of the low-resolution grid over the padded input square the fraction of it that pixels of a label map
 * cover.
 * @param placeOf where in `targets` the grid (lowRes, lowRes) of a label begins, or -1 if it has none
 */
export function addCoverage(
  { width, height, data }: LabelMap,
  size: number,
  lowRes: number,
  targets: Float32Array,
  placeOf: (label: number) => number,
): void {
  const valid = resizeLongest(width, height, size)
  const cellsX = (valid.width / width) * (lowRes / size) // cells per pixel
  const cellsY = (valid.height / height) * (lowRes / size)
  for (let y = 0; y < height; y++) {
    const top = y * cellsY
    const bottom = (y + 1) * cellsY
    for (let x = 0; x < width;) {
      const id = data[y * width + x]
      const start = x
      while (x < width && data[y * width + x] === id) x++
      const place = placeOf(id)
      if (place < 0) continue
      const left = start * cellsX
      const right = x * cellsX
      for (let cy = Math.floor(top); cy < bottom && cy < lowRes; cy++) {
        const row = place + cy * lowRes
        const high = Math.min(bottom, cy + 1) - Math.max(top, cy)
        for (let cx = Math.floor(left); cx < right && cx < lowRes; cx++)
          targets[row + cx] += high * (Math.min(right, cx + 1) - Math.max(left, cx))
      }
    }
  }
}
