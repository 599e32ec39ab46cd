/** @file One synthetic scene: a random heap of particles, its image and its label map. */
import { Rng } from '../rng'
import { SettingError } from '../setting-error'
import { pile } from './pile'
import { shade, type Look } from './shade'

/** Bounds of the options: sides of the image in pixels, coverage and number of particles. */
const MIN_SIDE = 32
const MAX_SIDE = 8192
const MIN_COVERAGE = 0.01
const MAX_PARTICLES = 20000

/** Fractions of scenes that have bright edges, cracks (at difficulty 1), charging, facets, and flat-topped particles. */
const BRIGHT_EDGES = 0.6
const CRACKED = 0.35
const CHARGED = 0.4
const FACETED = 0.5
const FLAT = 0.25
/** Area of all particles relative to the area to be covered: they overlap each other and the border. */
const OVERLAP = 1.25

export interface SceneOptions {
  width: number
  height: number
  /** Minimum and maximum number of particles dropped; hidden ones are removed again. */
  particles: [number, number]
  /** Fraction of the image to cover, once the minimum number of particles is reached. */
  coverage: number
  /** Standard deviation of the logarithm of the radius: 0 is monodisperse. */
  spread: number
  /** Largest fraction of a scene's particles that are polyhedra. */
  faceted: number
  /** From 0 (clean, well separated particles) to 1 (rough texture, weak outlines, deep piles, noise). */
  difficulty: number
}

export interface Scene {
  width: number
  height: number
  /** 8-bit gray (height, width). */
  image: Uint8Array
  /** (height, width): the number of the visible particle, from 1; 0 is the substrate. */
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

/** Checks the options and adds the defaults. @throws SettingError if one is out of range */
export function sceneOptions(given: Partial<SceneOptions> = {}): SceneOptions {
  const options = { ...sceneDefaults, ...given }
  const within = (name: string, value: number, low: number, high: number, whole = false) => {
    if (!(value >= low && value <= high) || (whole && !Number.isInteger(value)))
      throw new SettingError(
        `${name} of a scene must be ${whole ? 'a whole number ' : ''}from ${low} to ${high}, not ${value}`,
      )
  }
  within('width', options.width, MIN_SIDE, MAX_SIDE, true)
  within('height', options.height, MIN_SIDE, MAX_SIDE, true)
  within('coverage', options.coverage, MIN_COVERAGE, 1)
  within('spread', options.spread, 0, 1)
  within('faceted', options.faceted, 0, 1)
  within('difficulty', options.difficulty, 0, 1)
  const [least, most] = options.particles
  within('the minimum number of particles', least, 1, MAX_PARTICLES, true)
  within('the maximum number of particles', most, least, MAX_PARTICLES, true)
  return options
}

/** A random appearance; the effects that hide particles grow with the difficulty. */
function sampleLook(rng: Rng, difficulty: number): Look {
  const d = difficulty
  // Secondary electrons brighten edges; a detector of mostly backscattered electrons darkens them.
  const edge = rng.next() < BRIGHT_EDGES ? rng.range(0.2, 0.75) : rng.range(-0.4, 0.05)
  return {
    edge: edge * (1 - 0.3 * d),
    side: rng.range(0.05, 0.35),
    shadow: rng.range(0.7, 1.6) * (1 - 0.35 * d),
    depth: rng.range(0.15, 0.6),
    grain: { height: (0.15 + d) * rng.range(0.2, 1.5), size: rng.range(2.5, 9), albedo: d * rng.range(0.05, 0.4) },
    cracks: rng.next() < CRACKED * d ? rng.range(0.03, 0.09) : 0,
    substrate: { level: rng.range(0.4, 0.65) + 0.3 * d * rng.next(), relief: rng.range(0.4, 1) * (0.4 + d) },
    gradient: rng.range(0.05, 0.25) + 0.2 * d * rng.next(),
    charging: rng.next() < CHARGED ? rng.range(0.1, 0.5) : 0,
    blur: rng.range(0.45, 1.1),
    dose: rng.range(120, 500) / (1 + 2 * d),
    lines: rng.range(0, 0.015) * (1 + d),
    range: [rng.range(10, 55), rng.range(165, 235)],
  }
}

/**
 * Renders a heap of particles as a scanning electron microscope shows it, with its label map. The same seed and options give
 * the same bytes with the same version of the software.
 * @throws SettingError if an option is out of range
 */
export function renderScene(seed: number, given: Partial<SceneOptions> = {}): Scene {
  const options = sceneOptions(given)
  const { width, height, coverage, difficulty } = options
  const rng = new Rng(seed, 0x5ce9e)
  const [least, most] = options.particles
  // The number of particles is uniform in its logarithm, so that small and large particles are equally frequent.
  const aim = least * (most / least) ** rng.next()
  const style = {
    radius: Math.sqrt((OVERLAP * coverage * width * height) / (Math.PI * aim)),
    spread: options.spread * rng.range(0.3, 1.3),
    faceted: rng.next() < FACETED ? options.faceted * rng.next() : 0,
    roughness: rng.range(0.01, 0.05) + 0.1 * difficulty * rng.next() ** 2,
    variation: rng.range(0, 0.06),
    flatness: rng.next() < FLAT ? rng.range(3, 6) : 2,
  }
  const choices = Math.round(rng.range(4, 24)) // few choices give a loose heap, many a layer
  const relief = pile(rng, width, height, { least, most, coverage, choices }, style)
  const image = shade(relief, sampleLook(rng, difficulty), rng)
  return { width, height, image, labels: relief.ids, particles: relief.particles.length }
}
