import type { Rng } from '../../engine/rng'
import { makeParticle, type Particle, type ParticleStyle } from './particle'

export interface Relief {
  width: number
  height: number
  /** height of what is seen, in pixels over the substrate */
  top: Float32Array
  /** which particle is seen: its index + 1, or 0 for the substrate */
  ids: Uint16Array
  particles: Particle[]
}

const substrate = (width: number, height: number): Relief => ({
  width,
  height,
  top: new Float32Array(width * height),
  ids: new Uint16Array(width * height),
  particles: [],
})

/**
 * Lays a particle on the relief: it is seen wherever it is the highest. Returns its pixels: uncovered before, and
 * all.
 */
function lay(relief: Relief, particle: Particle): { gained: number; area: number } {
  const { width, height, top, ids } = relief
  const id = relief.particles.push(particle)
  const { x, y, reach, base } = particle
  let gained = 0
  let area = 0
  for (let py = Math.max(0, Math.ceil(y - reach)); py <= Math.min(height - 1, y + reach); py++)
    for (let px = Math.max(0, Math.ceil(x - reach)); px <= Math.min(width - 1, x + reach); px++) {
      const rise = particle.surface(px - x, py - y)
      if (rise < 0) continue
      area++
      const at = py * width + px
      if (base + rise <= top[at]) continue
      if (!ids[at]) gained++
      top[at] = base + rise
      ids[at] = id
    }
  return { gained, area }
}

/** The particle comes to rest on what is there: between the mean and the greatest height under its middle. */
function settle(relief: Relief, particle: Particle): number {
  const { width, height, top } = relief
  const { x, y, reach } = particle
  let sum = 0
  let highest = 0
  for (let sy = -2; sy <= 2; sy++)
    for (let sx = -2; sx <= 2; sx++) {
      const px = Math.min(width - 1, Math.max(0, Math.round(x + sx * 0.33 * reach)))
      const py = Math.min(height - 1, Math.max(0, Math.round(y + sy * 0.33 * reach)))
      sum += top[py * width + px]
      highest = Math.max(highest, top[py * width + px])
    }
  return 0.65 * (sum / 25) + 0.35 * highest
}

/**
 * Drops particles until `most` lie there, or at least `least` cover the `coverage` asked for. Each takes the lowest
 * of a few random places. Particles of which next to nothing is seen are taken away again, so that every label is a
 * thing to be found.
 */
export function pile(
  rng: Rng,
  width: number,
  height: number,
  limits: { least: number; most: number; coverage: number; choices: number },
  style: ParticleStyle,
): Relief {
  let relief = substrate(width, height)
  const areas: number[] = []
  let covered = 0
  while (relief.particles.length < limits.most) {
    if (relief.particles.length >= limits.least && covered >= limits.coverage * width * height) break
    const particle = makeParticle(rng, style)
    let lowest = Infinity
    let place = [0, 0]
    for (let choice = 0; choice < limits.choices; choice++) {
      // places outside the picture give the cut particles at its border
      particle.x = rng.range(-0.3 * particle.reach, width + 0.3 * particle.reach)
      particle.y = rng.range(-0.3 * particle.reach, height + 0.3 * particle.reach)
      const rest = settle(relief, particle)
      if (rest < lowest) [lowest, place] = [rest, [particle.x, particle.y]]
    }
    ;[particle.x, particle.y] = place
    particle.base = 0.9 * lowest
    const { gained, area } = lay(relief, particle)
    covered += gained
    areas.push(area)
  }

  for (let round = 0; round < 4; round++) {
    const seen = new Int32Array(relief.particles.length + 1)
    for (const id of relief.ids) seen[id]++
    const kept = relief.particles.map((_, i) => seen[i + 1] >= Math.max(20, 0.12 * areas[i]))
    if (kept.every(Boolean)) break
    const particles = relief.particles.filter((_, i) => kept[i])
    relief = substrate(width, height)
    areas.length = 0
    for (const particle of particles) areas.push(lay(relief, particle).area)
  }
  return relief
}
