/** @file The targets of the prompt head's maps, from label maps. */
import { squaredDistance } from '../masks/distance-transform'
import { type LabelMap, MAX_LABEL } from './label-map'
import { resizeLongest } from './model-input'
import type { Size } from './size'
import { addCoverage } from './training-targets'

/** The target of cells beyond the image: they have no part in the loss. */
const NO_TARGET = -1

/** Side of a cell in input pixels. */
const CELL = 4
/** Distances are measured on samples of the label map, 2 x 2 in each cell: exact enough, and fast on large images. */
const SAMPLES = 2
/** Smallest radius of the bump around an innermost point, in cells, so that tiny particles are not a single cell each. */
const MIN_RADIUS = 1.5
/**
 * The innermost point is, of the samples at this fraction of the largest distance or more, the one nearest to the centroid:
 * along the middle of a rod all distances are alike, and its centre is what can be learned.
 */
const PLATEAU = 0.95

/**
 * Targets of foreground, centre and distance (see PromptMaps) for each cell of 4 x 4 input pixels: (cells, 3), NO_TARGET
 * where most of a cell is beyond the image.
 *
 * - foreground: the fraction of the cell that instances cover.
 * - centre: 1 in the cell of each instance's innermost point, falling as (1 − (d / r)²)² to 0 at the radius r of the largest
 *   disc within the instance, at least 1.5 cells. An instance of any size has its peak.
 * - distance: the distance to the instance's boundary divided by the instance's largest, averaged over the cell, so that
 *   touching instances are separated by low values. The edge of the image is a boundary.
 *
 * @param size side of the model's input square, a multiple of 4
 * @example
 * const targets = promptHeadTargets(labels, 1024) // 256 * 256 cells, three numbers each
 */
export function promptHeadTargets(labels: LabelMap, size: number): Float32Array {
  const side = size / CELL
  const valid = resizeLongest(labels.width, labels.height, size)
  const cells = {
    width: Math.max(1, Math.round(valid.width / CELL)),
    height: Math.max(1, Math.round(valid.height / CELL)),
  }
  const foreground = new Float32Array(side * side)
  addCoverage(labels, size, side, foreground, (id) => (id ? 0 : -1))
  const samples = sampleLabels(labels, valid)
  const { distance, instances } = innermostPoints(samples)
  const centre = new Float32Array(side * side)
  for (const { x, y, radius } of instances) {
    const cell = [Math.floor(x / SAMPLES), Math.floor(y / SAMPLES)]
    stampBump(centre, side, cells, cell, Math.max(MIN_RADIUS, radius / SAMPLES))
  }

  const targets = new Float32Array(side * side * 3).fill(NO_TARGET)
  /** The part of a cell that is image, along one axis. */
  const covered = (cell: number, length: number) => Math.min(1, length / CELL - cell)
  for (let y = 0; y < cells.height; y++)
    for (let x = 0; x < cells.width; x++) {
      const at = y * side + x
      const area = covered(x, valid.width) * covered(y, valid.height)
      targets[3 * at] = Math.min(1, foreground[at] / area)
      targets[3 * at + 1] = centre[at]
      targets[3 * at + 2] = meanOfCell(distance, samples, x, y)
    }
  return targets
}

/** The label at the middle of every square of 2 x 2 input pixels. An instance between these points gets the nearest one. */
function sampleLabels({ width, height, data }: LabelMap, valid: Size): LabelMap {
  const step = CELL / SAMPLES
  const count = (length: number) => Math.max(1, Math.round(length / step))
  const sampled = { width: count(valid.width), height: count(valid.height) }
  const [scaleX, scaleY] = [width / valid.width, height / valid.height]
  const columns = Int32Array.from({ length: sampled.width }, (_, i) =>
    Math.min(width - 1, Math.floor((i + 0.5) * step * scaleX)),
  )
  const labels = new Uint16Array(sampled.width * sampled.height)
  const seen = new Uint8Array(MAX_LABEL + 1)
  seen[0] = 1
  for (let y = 0, at = 0; y < sampled.height; y++) {
    const row = Math.min(height - 1, Math.floor((y + 0.5) * step * scaleY)) * width
    for (let x = 0; x < sampled.width; x++) seen[(labels[at++] = data[row + columns[x]])] = 1
  }
  for (let i = 0; i < data.length; i++) {
    if (seen[data[i]]) continue
    seen[data[i]] = 1
    const x = Math.min(sampled.width - 1, Math.floor((i % width) / scaleX / step))
    const y = Math.min(sampled.height - 1, Math.floor(Math.floor(i / width) / scaleY / step))
    labels[y * sampled.width + x] = data[i]
  }
  return { ...sampled, data: labels }
}

interface Innermost {
  /** Of a sample. */
  x: number
  y: number
  /** Of the largest disc within the instance, in samples. */
  radius: number
}

/** The distance of every sample to its instance's boundary as a fraction of the largest, and the innermost points. */
function innermostPoints({ width, height, data }: LabelMap): { distance: Float32Array; instances: Innermost[] } {
  const squared = squaredDistance(data, width, height)
  const largest = new Float64Array(MAX_LABEL + 1)
  const [sumX, sumY, area] = [0, 1, 2].map(() => new Float64Array(MAX_LABEL + 1))
  for (let at = 0; at < data.length; at++) {
    const id = data[at]
    if (!id) continue
    if (squared[at] > largest[id]) largest[id] = squared[at]
    sumX[id] += at % width
    sumY[id] += Math.floor(at / width)
    area[id]++
  }
  // the boundary is half a sample before the nearest sample of another label
  const radius = largest.map((d) => Math.sqrt(d) - 0.5)
  const distance = new Float32Array(data.length)
  const nearest = new Float64Array(MAX_LABEL + 1).fill(Infinity)
  const place = new Int32Array(MAX_LABEL + 1)
  for (let at = 0; at < data.length; at++) {
    const id = data[at]
    if (!id) continue
    distance[at] = (Math.sqrt(squared[at]) - 0.5) / radius[id]
    if (distance[at] < PLATEAU) continue
    const off = ((at % width) - sumX[id] / area[id]) ** 2 + (Math.floor(at / width) - sumY[id] / area[id]) ** 2
    if (off >= nearest[id]) continue
    nearest[id] = off
    place[id] = at
  }
  const instances: Innermost[] = []
  for (let id = 1; id <= MAX_LABEL; id++)
    if (area[id]) instances.push({ x: place[id] % width, y: Math.floor(place[id] / width), radius: radius[id] })
  return { distance, instances }
}

/** Raises the map (side, side) around a cell, which is moved into the image if it is not, to a bump of a radius in cells. */
function stampBump(map: Float32Array, side: number, cells: Size, [x, y]: number[], radius: number): void {
  const [cx, cy] = [Math.min(cells.width - 1, x), Math.min(cells.height - 1, y)]
  const reach = Math.floor(radius)
  for (let py = Math.max(0, cy - reach); py <= Math.min(cells.height - 1, cy + reach); py++)
    for (let px = Math.max(0, cx - reach); px <= Math.min(cells.width - 1, cx + reach); px++) {
      const fall = 1 - ((px - cx) ** 2 + (py - cy) ** 2) / radius ** 2
      if (fall > 0) map[py * side + px] = Math.max(map[py * side + px], fall ** 2)
    }
}

/** The mean of a map of samples over a cell, of which samples beyond the image are no part. */
function meanOfCell(map: Float32Array, { width, height }: Size, x: number, y: number): number {
  let sum = 0
  let count = 0
  for (let sy = y * SAMPLES; sy < Math.min(height, (y + 1) * SAMPLES); sy++)
    for (let sx = x * SAMPLES; sx < Math.min(width, (x + 1) * SAMPLES); sx++) {
      sum += map[sy * width + sx]
      count++
    }
  return count ? sum / count : 0
}
