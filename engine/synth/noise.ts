/** @file Smooth random noise, and a fast Gaussian blur of a plane of floats. */
import type { Rng } from '../rng'

/** Value noise over the plane: random values on the integer lattice, interpolated smoothly. The lattice repeats every 256 units. */
export class ValueNoise {
  private readonly values = new Float32Array(256)
  private readonly rows = new Uint8Array(256)

  constructor(rng: Rng) {
    for (let i = 0; i < 256; i++) {
      this.values[i] = rng.range(-1, 1)
      this.rows[i] = i
    }
    rng.shuffle(this.rows)
  }

  /** The noise at a point: -1 to 1, with features of about one unit. */
  at(x: number, y: number): number {
    const ix = Math.floor(x)
    const iy = Math.floor(y)
    const fx = x - ix
    const fy = y - iy
    const u = fx * fx * (3 - 2 * fx)
    const v = fy * fy * (3 - 2 * fy)
    const top = this.rows[iy & 255]
    const below = this.rows[(iy + 1) & 255]
    const { values } = this
    const a = values[(ix + top) & 255]
    const b = values[(ix + below) & 255]
    const upper = a + (values[(ix + 1 + top) & 255] - a) * u
    return upper + (b + (values[(ix + 1 + below) & 255] - b) * u - upper) * v
  }

  /** A sum of octaves, each with about half the feature size and half the amplitude of the one before: about -1 to 1. */
  fractal(x: number, y: number, octaves: number): number {
    let sum = 0
    for (let o = 0, share = 0.6; o < octaves; o++, share /= 2, x *= 2.03, y *= 2.03) sum += share * this.at(x, y)
    return sum
  }
}

/** Blurs in place by three box filters in each direction, close to a Gaussian of standard deviation `sigma` pixels. */
export function blur(plane: Float32Array, width: number, height: number, sigma: number): void {
  const radius = Math.round((Math.sqrt(4 * sigma * sigma + 1) - 1) / 2)
  if (radius < 1) return smallBlur(plane, width, height, sigma)
  const other = new Float32Array(plane.length)
  for (let times = 0; times < 3; times++) {
    blurRows(plane, other, width, height, radius)
    blurColumns(other, plane, width, height, radius)
  }
}

/** The mean of each pixel and those within `radius` in its row; rows continue with the values at their ends. */
function blurRows(from: Float32Array, to: Float32Array, width: number, height: number, radius: number): void {
  const taps = 2 * radius + 1
  const last = width - 1
  for (let y = 0; y < height; y++) {
    const start = y * width
    let sum = 0
    for (let i = -radius; i <= radius; i++) sum += from[start + Math.max(0, Math.min(last, i))]
    for (let x = 0; x < width; x++) {
      to[start + x] = sum / taps
      const ahead = x + radius + 1
      const behind = x - radius
      sum += from[start + (ahead > last ? last : ahead)] - from[start + (behind < 0 ? 0 : behind)]
    }
  }
}

/** The same in columns: all of them together, row by row, because memory is read in rows. */
function blurColumns(from: Float32Array, to: Float32Array, width: number, height: number, radius: number): void {
  const taps = 2 * radius + 1
  const row = (y: number) => Math.max(0, Math.min(height - 1, y)) * width
  const sums = new Float64Array(width)
  for (let i = -radius; i <= radius; i++) for (let x = 0, at = row(i); x < width; x++, at++) sums[x] += from[at]
  for (let y = 0; y < height; y++) {
    const at = y * width
    const [ahead, behind] = [row(y + radius + 1), row(y - radius)]
    for (let x = 0; x < width; x++) {
      to[at + x] = sums[x] / taps
      sums[x] += from[ahead + x] - from[behind + x]
    }
  }
}

/** Blurs by less than one pixel: a kernel of three taps with the required variance. */
function smallBlur(plane: Float32Array, width: number, height: number, sigma: number): void {
  const side = Math.min(0.3, (sigma * sigma) / 2)
  const sweep = (start: number, step: number, length: number) => {
    let before = plane[start]
    for (let i = 0; i < length; i++) {
      const at = start + step * i
      const here = plane[at]
      const after = i + 1 < length ? plane[at + step] : here
      plane[at] = here + side * (before + after - 2 * here)
      before = here
    }
  }
  for (let y = 0; y < height; y++) sweep(y * width, 1, width)
  // columns row by row, because memory is read in rows
  const before = plane.slice(0, width)
  for (let y = 0; y < height; y++)
    for (let x = 0, at = y * width; x < width; x++, at++) {
      const here = plane[at]
      const after = y + 1 < height ? plane[at + width] : here
      plane[at] = here + side * (before[x] + after - 2 * here)
      before[x] = here
    }
}
