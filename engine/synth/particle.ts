/** @file The shapes of synthetic particles: wavy spheroids and convex polyhedra. */
import type { Rng } from '../rng'

/** One particle, as a height field seen from above. */
export interface Particle {
  x: number
  y: number
  /** Half the side of its bounding square, in pixels. */
  reach: number
  /** Height of its base above the substrate, in pixels. */
  base: number
  /**
   * Heights above its base on a grid of pixels, row by row; negative outside its outline. The first place of the grid is at an
   * offset of (dx, dy) from its centre.
   */
  heights(dx: number, dy: number, columns: number, rows: number): Float64Array
  /** Factor of its brightness; 1 is the average. */
  brightness: number
  /** Offset and rotation of its texture in the noise. */
  texture: { x: number; y: number; cos: number; sin: number }
}

/** Radii are limited to this many standard deviations: one giant particle would leave no room for a dense scene. */
const MAX_DEVIATION = 2.2
/** Smallest radius of a particle, in pixels. */
const MIN_RADIUS = 3

export interface ParticleStyle {
  /** Radius of a particle of median size, in pixels. */
  radius: number
  /** Standard deviation of the logarithm of the radius. */
  spread: number
  /** Fraction of particles that are polyhedra. */
  faceted: number
  /** Amplitude of the outline's waves, as a fraction of the radius. */
  roughness: number
  /** Standard deviation of the brightness among particles. */
  variation: number
  /** Exponent of the profile: 2 is an ellipsoid, more is a pill with a flat top. */
  flatness: number
}

type Surface = Pick<Particle, 'reach' | 'heights'>

/** An ellipsoid with a wavy outline. */
function spheroid(rng: Rng, radius: number, style: ParticleStyle): Surface {
  const aspect = 1 + 0.5 * rng.next() ** 3
  const [a, b] = [radius * Math.sqrt(aspect), radius / Math.sqrt(aspect)]
  const turn = rng.range(0, 2 * Math.PI)
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)]
  const steps = 256
  const outline = new Float32Array(steps).fill(1)
  for (let k = 2; k < 12; k++) {
    const wave = (style.roughness * rng.normal()) / k
    const phase = rng.range(0, 2 * Math.PI)
    for (let i = 0; i < steps; i++) outline[i] += wave * Math.cos((2 * Math.PI * k * i) / steps + phase)
  }
  const height = Math.min(a, b) * rng.range(0.75, 1)
  const power = style.flatness
  const furthest = Math.min(1.6, Math.max(...outline))
  return {
    reach: Math.ceil(a * Math.max(...outline)) + 1,
    heights(left, top, columns, rows) {
      const values = new Float64Array(columns * rows).fill(-1)
      for (let row = 0, i = 0; row < rows; row++)
        for (let column = 0; column < columns; column++, i++) {
          const dx = left + column
          const dy = top + row
          const u = (dx * cos + dy * sin) / a
          const v = (dy * cos - dx * sin) / b
          const far = Math.sqrt(u * u + v * v)
          if (far > furthest) continue
          const index = Math.floor(((Math.atan2(v, u) / (2 * Math.PI) + 1) % 1) * steps)
          const rho = far / outline[index]
          if (rho < 1) values[i] = height * Math.sqrt(1 - (power === 2 ? rho * rho : rho ** power))
        }
      return values
    },
  }
}

/** A convex polyhedron: the lower envelope of random planes around a ball. */
function polyhedron(rng: Rng, radius: number): Surface {
  const planes: [number, number, number][] = []
  const side = (angle: number, tilt: number, distance: number) => {
    const up = Math.cos(tilt)
    planes.push([
      (-Math.sin(tilt) * Math.cos(angle)) / up,
      (-Math.sin(tilt) * Math.sin(angle)) / up,
      (distance * radius) / up,
    ])
  }
  const walls = 4 + rng.int(4)
  const turn = rng.range(0, 2 * Math.PI)
  for (let i = 0; i < walls; i++)
    side(turn + ((i + rng.range(-0.3, 0.3)) * 2 * Math.PI) / walls, rng.range(1.15, 1.45), rng.range(0.75, 1))
  for (let i = 0; i < walls; i++) side(rng.range(0, 2 * Math.PI), rng.range(0.3, 1), rng.range(0.75, 0.95))
  side(rng.range(0, 2 * Math.PI), rng.range(0, 0.3), rng.range(0.5, 0.85))
  return {
    reach: Math.ceil(radius * 1.7),
    heights(left, top, columns, rows) {
      const values = new Float64Array(columns * rows).fill(Infinity)
      for (const [px, py, d] of planes)
        for (let row = 0, i = 0; row < rows; row++)
          for (let column = 0; column < columns; column++, i++) {
            const height = d + px * (left + column) + py * (top + row)
            if (height < values[i]) values[i] = height
          }
      return values
    },
  }
}

/** A particle of random size and shape, not yet placed. */
export function makeParticle(rng: Rng, style: ParticleStyle): Particle {
  const bounded = Math.max(-MAX_DEVIATION, Math.min(MAX_DEVIATION, rng.normal()))
  const radius = Math.max(MIN_RADIUS, style.radius * Math.exp(style.spread * bounded))
  const form = rng.next() < style.faceted ? polyhedron(rng, radius) : spheroid(rng, radius, style)
  const turn = rng.range(0, 2 * Math.PI)
  return {
    ...form,
    x: 0,
    y: 0,
    base: 0,
    brightness: 1 + style.variation * rng.normal(),
    texture: { x: rng.range(0, 256), y: rng.range(0, 256), cos: Math.cos(turn), sin: Math.sin(turn) },
  }
}
