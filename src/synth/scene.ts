import { Rng } from '../../engine/rng'
import { UserError } from '../host/errors'
import { pile } from './pile'
import { shade, type Look } from './shade'

export interface SceneOptions {
  width: number
  height: number
  /** fewest and most particles dropped; hidden ones are taken away again */
  particles: [number, number]
  /** share of the picture they cover, once the fewest lie there */
  coverage: number
  /** standard deviation of the logarithm of the radius: 0 is monodisperse */
  spread: number
  /** share of scenes' particles that are polyhedra, at most */
  faceted: number
  /** 0: clean, well separated particles; 1: rough texture, weak outlines, deep piles, noise */
  difficulty: number
}

export interface Scene {
  width: number
  height: number
  /** 8-bit gray (height, width) */
  image: Uint8Array
  /** the visible part of particle i is i, from 1; 0 is the substrate */
  labels: Uint16Array
  particles: number
}

export const sceneDefaults: SceneOptions = {
  width: 512,
  height: 512,
  particles: [60, 160],
  coverage: 0.85,
  spread: 0.25,
  faceted: 0.5,
  difficulty: 0.6,
}

/** Checks the options and fills in what is missing. */
export function sceneOptions(given: Partial<SceneOptions> = {}): SceneOptions {
  const options = { ...sceneDefaults, ...given }
  const within = (name: string, value: number, low: number, high: number, whole = false) => {
    if (!(value >= low && value <= high) || (whole && !Number.isInteger(value)))
      throw new UserError(
        `${name} of a scene must be ${whole ? 'a whole number ' : ''}from ${low} to ${high}, not ${value}`,
      )
  }
  within('width', options.width, 32, 8192, true)
  within('height', options.height, 32, 8192, true)
  within('coverage', options.coverage, 0.01, 1)
  within('spread', options.spread, 0, 1)
  within('faceted', options.faceted, 0, 1)
  within('difficulty', options.difficulty, 0, 1)
  const [least, most] = options.particles
  within('the fewest particles', least, 1, 20000, true)
  within('the most particles', most, least, 20000, true)
  return options
}

/** A random look; the amounts grow with the difficulty. */
function drawLook(rng: Rng, difficulty: number): Look {
  const d = difficulty
  // secondary electrons brighten edges; a detector that sees mostly backscattered ones darkens them
  const edge = rng.next() < 0.6 ? rng.range(0.2, 0.75) : rng.range(-0.4, 0.05)
  return {
    edge: edge * (1 - 0.3 * d),
    side: rng.range(0.05, 0.35),
    shadow: rng.range(0.7, 1.6) * (1 - 0.35 * d),
    depth: rng.range(0.15, 0.6),
    grain: { height: (0.15 + d) * rng.range(0.2, 1.5), size: rng.range(2.5, 9), albedo: d * rng.range(0.05, 0.4) },
    cracks: rng.next() < 0.35 * d ? rng.range(0.03, 0.09) : 0,
    substrate: { level: rng.range(0.4, 0.65) + 0.3 * d * rng.next(), relief: rng.range(0.4, 1) * (0.4 + d) },
    gradient: rng.range(0.05, 0.25) + 0.2 * d * rng.next(),
    charging: rng.next() < 0.4 ? rng.range(0.1, 0.5) : 0,
    blur: rng.range(0.45, 1.1),
    dose: rng.range(120, 500) / (1 + 2 * d),
    lines: rng.range(0, 0.015) * (1 + d),
    range: [rng.range(10, 55), rng.range(165, 235)],
  }
}

/**
 * A picture of a heap of particles as a scanning electron microscope shows it, and which particle each pixel belongs
 * to. The same seed and options give the same bytes on the same software.
 */
export function renderScene(seed: number, given: Partial<SceneOptions> = {}): Scene {
  const options = sceneOptions(given)
  const { width, height, coverage, difficulty } = options
  const rng = new Rng(seed, 0x5ce9e)
  const [least, most] = options.particles
  // one of the range, evenly over its logarithm: sizes vary as much between scenes as counts do
  const aim = least * (most / least) ** rng.next()
  const style = {
    radius: Math.sqrt((1.25 * coverage * width * height) / (Math.PI * aim)),
    spread: options.spread * rng.range(0.3, 1.3),
    faceted: rng.next() < 0.5 ? options.faceted * rng.next() : 0,
    roughness: rng.range(0.01, 0.05) + 0.1 * difficulty * rng.next() ** 2,
    variation: rng.range(0, 0.06),
    flatness: rng.next() < 0.25 ? rng.range(3, 6) : 2,
  }
  const choices = Math.round(rng.range(4, 24)) // few: a loose heap; many: a layer
  const relief = pile(rng, width, height, { least, most, coverage, choices }, style)
  const image = shade(relief, drawLook(rng, difficulty), rng)
  return { width, height, image, labels: relief.ids, particles: relief.particles.length }
}
