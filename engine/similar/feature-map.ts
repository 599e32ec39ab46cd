/**
 * @file Where an image looks like given masks: the mean feature of each mask on the image's embedding, its cosine similarity to
 * every place, and the peaks of that. It runs on an embedding that was read back: 64 x 64 x 256 products take milliseconds.
 */
import type { Region } from '../image/box'
import type { Mask } from '../masks/mask'

/** The embedding of a part of an image, as features of equal squares. */
export interface FeatureMap {
  /** (side², dim): features minus their mean over the image, each of length 1; features outside the image are 0. */
  data: Float32Array
  side: number
  dim: number
  /** Columns and rows of features that show image, at least in part. */
  columns: number
  rows: number
  /** Pixels of the image from one feature to the next. */
  step: number
  /** The part of the image that was encoded. */
  region: Region
}

/** A place that looks like the examples. */
export interface SimilarPlace {
  /** In pixels of the image. */
  x: number
  y: number
  /** Cosine similarity, -1 to 1. */
  similarity: number
}

/** The share of a feature's square that a mask must cover, relative to the most that it covers of any, to count as inside. */
const INSIDE = 0.5

/**
 * The features of an encoded region. What all features have in common says nothing about particles, so their mean is taken away.
 * @param embedding (side², dim)
 * @throws Error if the length does not fit
 */
export function featureMap(embedding: Float32Array, side: number, region: Region): FeatureMap {
  const dim = embedding.length / side ** 2
  if (!Number.isInteger(dim) || dim < 1)
    throw new Error(`an embedding of ${side} x ${side} features cannot hold ${embedding.length} values`)
  const [width, height] = [region.right - region.left, region.bottom - region.top]
  const step = Math.max(width, height) / side
  // a square that is image only in part counts; rounding must not add one that is not
  const columns = Math.min(side, Math.ceil(width / step - 1e-6))
  const rows = Math.min(side, Math.ceil(height / step - 1e-6))
  const mean = new Float64Array(dim)
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      for (let d = 0, at = (y * side + x) * dim; d < dim; d++, at++) mean[d] += embedding[at]
  for (let d = 0; d < dim; d++) mean[d] /= rows * columns
  const data = new Float32Array(embedding.length)
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const from = (y * side + x) * dim
      let square = 0
      for (let d = 0; d < dim; d++) square += (embedding[from + d] - mean[d]) ** 2
      const scale = square > 0 ? 1 / Math.sqrt(square) : 0
      for (let d = 0; d < dim; d++) data[from + d] = (embedding[from + d] - mean[d]) * scale
    }
  return { data, side, dim, columns, rows, step, region }
}

/**
 * The mean feature of a mask, of length 1: of the squares that it covers most. Zero if it is outside the region.
 * @param mask in pixels of the image
 */
export function maskFeature(map: FeatureMap, mask: Mask): Float32Array {
  const { data, side, dim, columns, rows, step, region } = map
  const share = new Float32Array(side * side)
  for (let y = 0; y < mask.height; y++) {
    const row = Math.floor((y + mask.y0 + 0.5 - region.top) / step)
    if (row < 0 || row >= rows) continue
    for (let x = 0; x < mask.width; x++) {
      if (!mask.data[y * mask.width + x]) continue
      const column = Math.floor((x + mask.x0 + 0.5 - region.left) / step)
      if (column >= 0 && column < columns) share[row * side + column]++
    }
  }
  const most = share.reduce((a, b) => Math.max(a, b), 0)
  const sum = new Float64Array(dim)
  for (let at = 0; at < share.length; at++)
    if (share[at] > 0 && share[at] >= INSIDE * most)
      for (let d = 0; d < dim; d++) sum[d] += share[at] * data[at * dim + d]
  const length = Math.sqrt(sum.reduce((total, value) => total + value * value, 0))
  return Float32Array.from(sum, (value) => (length > 0 ? value / length : 0))
}

/** The cosine similarity of two features of length 1. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let d = 0; d < a.length; d++) sum += a[d] * b[d]
  return sum
}

/** (side, side): the greatest similarity of each feature to one of `examples`; -1 outside the image. */
export function similarityMap(map: FeatureMap, examples: readonly Float32Array[]): Float32Array {
  const { data, side, dim, columns, rows } = map
  const result = new Float32Array(side * side).fill(-1)
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const at = y * side + x
      for (const example of examples) {
        let sum = 0
        for (let d = 0; d < dim; d++) sum += data[at * dim + d] * example[d]
        if (sum > result[at]) result[at] = sum
      }
    }
  return result
}

/**
 * The peaks of a similarity map: places with the greatest similarity within `radius` pixels of the image, the most similar first.
 * Between features a peak is placed by the parabola through its neighbours.
 * @param least peaks of lower similarity are left out
 */
export function similarPlaces(
  map: FeatureMap,
  similarity: Float32Array,
  radius: number,
  least: number,
): SimilarPlace[] {
  const { side, columns, rows, step, region } = map
  const value = (x: number, y: number) =>
    x < 0 || y < 0 || x >= columns || y >= rows ? -Infinity : similarity[y * side + x]
  const shift = (before: number, here: number, after: number) => {
    const bend = before - 2 * here + after
    return Number.isFinite(bend) && bend < 0 ? Math.min(0.5, Math.max(-0.5, (before - after) / (2 * bend))) : 0
  }
  const found: SimilarPlace[] = []
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const here = value(x, y)
      if (here < least) continue
      // of equal neighbours the first is the peak
      const peak = [-1, 0, 1].every((dy) =>
        [-1, 0, 1].every((dx) =>
          dx || dy ? (dy < 0 || (!dy && dx < 0) ? value(x + dx, y + dy) < here : value(x + dx, y + dy) <= here) : true,
        ),
      )
      if (!peak) continue
      const px = region.left + (x + 0.5 + shift(value(x - 1, y), here, value(x + 1, y))) * step
      const py = region.top + (y + 0.5 + shift(value(x, y - 1), here, value(x, y + 1))) * step
      found.push({
        x: Math.min(region.right - 1, Math.max(region.left, Math.floor(px))),
        y: Math.min(region.bottom - 1, Math.max(region.top, Math.floor(py))),
        similarity: here,
      })
    }
  return suppressNear(found, radius)
}

/** Of places nearer to each other than `radius` the most similar; the most similar first. */
export function suppressNear(places: readonly SimilarPlace[], radius: number): SimilarPlace[] {
  const sorted = [...places].sort((a, b) => b.similarity - a.similarity || a.y - b.y || a.x - b.x)
  const kept: SimilarPlace[] = []
  for (const place of sorted)
    if (!kept.some(({ x, y }) => Math.hypot(x - place.x, y - place.y) < radius)) kept.push(place)
  return kept
}
