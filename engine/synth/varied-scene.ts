/**
 * @file Small scenes of every kind, to be mixed into training: few or many particles, sparse or in heaps, of nearly one size
 * or of sizes that differ tenfold, round or faceted, brighter or darker than what is around them, sharp or blurred, with
 * strong or weak contrast, clean or noisy.
 */
import { Rng } from '../rng'
import { blur } from './noise'
import { renderScene, type Scene } from './scene'

/** Longest side of a scene, pixels: larger ones would take longer to make than a step on a GPU. */
const SIDES = [256, 512] as const
/** Numbers of particles, evenly in their logarithm, and covered fractions. */
const COUNTS = [4, 250] as const
const COVERAGES = [0.08, 0.9] as const
/** Particles of median size have at least this radius, pixels. */
const MIN_RADIUS = 5
/** Largest standard deviation of the logarithm of the radius. */
const MAX_SPREAD = 0.55
/** Fractions of scenes that are a negative (dark particles), blurred, and noisy. */
const NEGATIVE = 0.3
const BLURRED = 0.3
const NOISY = 0.3
/** Scenes whose particles all lie outside are rare: this many in a row do not happen. */
const ATTEMPTS = 100

/**
 * A scene of random kind, with sides of at most `longest` pixels (32 or more) and at least one particle. The same seed gives
 * the same bytes with the same version of the software.
 */
export function variedScene(seed: number, longest: number): Scene {
  const rng = new Rng(seed, 0x7a91ed)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const width = Math.round(rng.range(Math.min(SIDES[0], longest), Math.min(SIDES[1], longest)))
    const height = Math.max(32, Math.round(width * rng.range(0.65, 1)))
    const coverage = rng.range(...COVERAGES)
    const most = Math.max(COUNTS[0], Math.min(COUNTS[1], (coverage * width * height) / (Math.PI * MIN_RADIUS ** 2)))
    const count = Math.round(COUNTS[0] * (most / COUNTS[0]) ** rng.next())
    const scene = renderScene(rng.uint32(), {
      width,
      height,
      particles: [count, count],
      coverage,
      spread: MAX_SPREAD * rng.next(),
      faceted: 1,
      difficulty: rng.next(),
    })
    if (scene.particles) return { ...scene, image: changedAppearance(scene, rng) }
  }
  throw new Error(`no scene of seed ${seed} shows a particle`)
}

/** The image with another contrast, sometimes as a negative, blurred or noisy. */
function changedAppearance({ image, width, height }: Scene, rng: Rng): Uint8Array {
  const values = Float32Array.from(image)
  if (rng.next() < NEGATIVE) for (let i = 0; i < values.length; i++) values[i] = 255 - values[i]
  if (rng.next() < BLURRED) blur(values, width, height, rng.range(0.5, 2))
  const contrast = rng.range(0.35, 1)
  const shift = rng.range(0, 255 * (1 - contrast))
  const noise = rng.next() < NOISY ? rng.range(2, 18) : 0
  const changed = new Uint8Array(image.length)
  for (let i = 0; i < changed.length; i++) {
    const level = contrast * values[i] + shift + (noise && noise * rng.normal())
    changed[i] = Math.max(0, Math.min(255, Math.round(level)))
  }
  return changed
}
