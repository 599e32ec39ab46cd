/** @file Drops particles onto a substrate, one after the other, and keeps those that are visible from above. */
import type { Rng } from '../rng'
import { makeParticle, type Particle, type ParticleStyle } from './particle'

/** The scene as seen from above. */
export interface Relief {
  width: number
  height: number
  /** (height, width): height of the visible surface above the substrate, in pixels. */
  top: Float32Array
  /** (height, width): index + 1 of the visible particle, or 0 for the substrate. */
  ids: Uint16Array
  particles: Particle[]
}

/** The surface below a particle is sampled on a grid of 5 x 5 points, this fraction of its reach apart. */
const SAMPLE_STEP = 0.33
/** Weight of the maximum of these heights, against their mean, in the particle's resting height. */
const MAXIMUM_WEIGHT = 0.35
/** A particle sinks between those below it, to this fraction of its resting height. */
const SINKING = 0.9
/** Centres may lie outside the image by this fraction of a particle's reach. */
const MARGIN = 0.3
/** Particles with fewer visible pixels, or a smaller visible fraction of their area, are removed. */
const MIN_VISIBLE_PIXELS = 20
const MIN_VISIBLE = 0.12
/** Removing particles uncovers others, which are then counted again: at most this many times. */
const REMOVAL_ROUNDS = 4

/** A relief without particles. */
const substrate = (width: number, height: number): Relief => ({
  width,
  height,
  top: new Float32Array(width * height),
  ids: new Uint16Array(width * height),
  particles: [],
})

/** A particle's pixels in the image: its height above its base in each of a rectangle, negative outside its outline. */
interface Heights {
  left: number
  top: number
  width: number
  height: number
  values: Float64Array
}

function heightsOf(particle: Particle, width: number, height: number): Heights {
  const { x, y, reach } = particle
  const [left, top] = [Math.max(0, Math.ceil(x - reach)), Math.max(0, Math.ceil(y - reach))]
  const columns = Math.max(0, Math.floor(Math.min(width - 1, x + reach)) - left + 1)
  const rows = Math.max(0, Math.floor(Math.min(height - 1, y + reach)) - top + 1)
  return { left, top, width: columns, height: rows, values: particle.heights(left - x, top - y, columns, rows) }
}

/**
 * Adds a particle to the relief; it is visible wherever it is the highest.
 * @returns `area`, its pixels in the image; `gained`, those of them where it covers the substrate
 */
function addParticle(relief: Relief, particle: Particle, heights: Heights): { gained: number; area: number } {
  const { width, top, ids } = relief
  const id = relief.particles.push(particle)
  const { base } = particle
  const { values } = heights
  let gained = 0
  let area = 0
  for (let row = 0, i = 0; row < heights.height; row++)
    for (let column = 0, at = (heights.top + row) * width + heights.left; column < heights.width; column++, at++, i++) {
      const rise = values[i]
      if (rise < 0) continue
      area++
      if (base + rise <= top[at]) continue
      if (!ids[at]) gained++
      top[at] = base + rise
      ids[at] = id
    }
  return { gained, area }
}

/** The height at which a particle comes to rest: between the mean and the maximum of the surface below its centre. */
function restingHeight(relief: Relief, particle: Particle): number {
  const { width, height, top } = relief
  const { x, y, reach } = particle
  let sum = 0
  let highest = 0
  for (let sy = -2; sy <= 2; sy++)
    for (let sx = -2; sx <= 2; sx++) {
      const px = Math.min(width - 1, Math.max(0, Math.round(x + sx * SAMPLE_STEP * reach)))
      const py = Math.min(height - 1, Math.max(0, Math.round(y + sy * SAMPLE_STEP * reach)))
      sum += top[py * width + px]
      highest = Math.max(highest, top[py * width + px])
    }
  return (1 - MAXIMUM_WEIGHT) * (sum / 25) + MAXIMUM_WEIGHT * highest
}

/**
 * Drops particles until there are `most`, or at least `least` that cover the fraction `coverage` of the image. Each particle
 * takes the lowest of `choices` random positions. Particles that are almost hidden are removed at the end, so that every
 * label can be recognised.
 */
export function pile(
  rng: Rng,
  width: number,
  height: number,
  limits: { least: number; most: number; coverage: number; choices: number },
  style: ParticleStyle,
): Relief {
  let relief = substrate(width, height)
  let dropped: { particle: Particle; heights: Heights; area: number }[] = []
  let covered = 0
  while (relief.particles.length < limits.most) {
    if (relief.particles.length >= limits.least && covered >= limits.coverage * width * height) break
    const particle = makeParticle(rng, style)
    let lowest = Infinity
    let place = [0, 0]
    for (let choice = 0; choice < limits.choices; choice++) {
      // positions outside the image produce particles that its border cuts
      const margin = MARGIN * particle.reach
      particle.x = rng.range(-margin, width + margin)
      particle.y = rng.range(-margin, height + margin)
      const rest = restingHeight(relief, particle)
      if (rest < lowest) [lowest, place] = [rest, [particle.x, particle.y]]
    }
    ;[particle.x, particle.y] = place
    particle.base = SINKING * lowest
    const heights = heightsOf(particle, width, height)
    const { gained, area } = addParticle(relief, particle, heights)
    covered += gained
    dropped.push({ particle, heights, area })
  }

  for (let round = 0; round < REMOVAL_ROUNDS; round++) {
    const visible = new Int32Array(relief.particles.length + 1)
    for (const id of relief.ids) visible[id]++
    const kept = dropped.filter(({ area }, i) => visible[i + 1] >= Math.max(MIN_VISIBLE_PIXELS, MIN_VISIBLE * area))
    if (kept.length === dropped.length) break
    dropped = kept
    relief = substrate(width, height)
    for (const { particle, heights } of dropped) addParticle(relief, particle, heights)
  }
  return relief
}
