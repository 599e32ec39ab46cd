/** @file Smooth random noise, and a fast Gaussian blur of a plane of floats. */
import type { Rng } from '../../engine/rng'

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
  const line = new Float32Array(Math.max(width, height))
  const sweep = (start: number, step: number, length: number) => {
    const clamp = (i: number) => start + step * Math.max(0, Math.min(length - 1, i))
    let sum = 0
    for (let i = -radius; i <= radius; i++) sum += plane[clamp(i)]
    for (let i = 0; i < length; i++) {
      line[i] = sum / (2 * radius + 1)
      sum += plane[clamp(i + radius + 1)] - plane[clamp(i - radius)]
    }
    for (let i = 0; i < length; i++) plane[start + step * i] = line[i]
  }
  for (let times = 0; times < 3; times++) {
    for (let y = 0; y < height; y++) sweep(y * width, 1, width)
    for (let x = 0; x < width; x++) sweep(x, width, height)
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
  for (let x = 0; x < width; x++) sweep(x, width, height)
}
