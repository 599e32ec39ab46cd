/** @file Renders a relief as a scanning electron micrograph: edges, shadows, charging, blur and noise. */
import type { Rng } from '../rng'
import { blur, ValueNoise } from './noise'
import type { Relief } from './pile'

/** The appearance of a scene; strengths are fractions of the signal, 0 is none. */
export interface Look {
  /** The edge effect: brighter (positive) or darker (negative) where the surface is steep. */
  edge: number
  /** Brightness of surfaces that face the detector. */
  side: number
  /** Darkness between and below particles. */
  shadow: number
  /** Loss of signal with depth. */
  depth: number
  /** Surface texture: its height and feature size in pixels, and its effect on brightness. */
  grain: { height: number; size: number; albedo: number }
  /** Dark cracks on the particles: width of the cracks in units of the noise; 0 is none. */
  cracks: number
  /** Brightness of the substrate (1 is a particle's), and its roughness relative to that of particles. */
  substrate: { level: number; relief: number }
  /** Slow variation of brightness over the image, and bright smears along the scan lines beside particles. */
  gradient: number
  charging: number
  /** Standard deviation of the beam in pixels. */
  blur: number
  /** Electrons per pixel at full brightness (fewer are noisier), and standard deviation of the scan lines' brightness. */
  dose: number
  lines: number
  /** Gray values of black and white. */
  range: [number, number]
}

/** Renders a relief as 8-bit gray (height, width). */
export function shade(relief: Relief, look: Look, rng: Rng): Uint8Array {
  const { width, height } = relief
  const signal = surfaceSignal(relief, look, new ValueNoise(rng), rng)
  applyCharging(signal, relief, look, new ValueNoise(rng), rng)
  blur(signal, width, height, look.blur)
  return expose(signal, width, height, look, rng)
}

/** The signal of the surface, before charging, blur and noise. */
function surfaceSignal(relief: Relief, look: Look, noise: ValueNoise, rng: Rng): Float32Array {
  const { width, height, top, ids, particles } = relief
  const { grain } = look
  const rough = new Float32Array(top.length)
  const albedo = new Float32Array(top.length)
  const scale = 1 / grain.size
  let highest = 1
  for (let i = 0, y = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const particle = ids[i] ? particles[ids[i] - 1] : undefined
      let u = x * scale
      let v = y * scale
      let amount = look.substrate.relief
      if (particle) {
        const { cos, sin, x: tx, y: ty } = particle.texture
        const dx = (x - particle.x) * scale
        const dy = (y - particle.y) * scale
        u = dx * cos + dy * sin + tx
        v = dy * cos - dx * sin + ty
        amount = 1
      }
      const n = noise.fractal(u, v, 3)
      rough[i] = top[i] + amount * grain.height * n
      let bright = (particle?.brightness ?? look.substrate.level) * (1 + grain.albedo * n)
      if (particle && look.cracks) {
        const ridge = Math.abs(noise.fractal(u * 0.6 + 97, v * 0.6 + 31, 2))
        if (ridge < look.cracks) bright *= 0.45 + (0.55 * ridge) / look.cracks
      }
      albedo[i] = bright
      if (top[i] > highest) highest = top[i]
    }

  // pixels lower than the blurred surface around them are in shadow, at two scales
  const radius = Math.max(2, Math.sqrt((width * height) / Math.max(1, particles.length)) / 4)
  const [near, far] = [Float32Array.from(top), Float32Array.from(top)]
  blur(near, width, height, Math.max(1.2, radius / 6))
  blur(far, width, height, radius)

  const angle = rng.range(0, 2 * Math.PI)
  const [lx, ly] = [Math.cos(angle), Math.sin(angle)]
  const result = new Float32Array(top.length)
  const slope = (i: number, step: number, before: boolean, after: boolean) => {
    // only within one particle, because the height jumps at an outline
    const back = before && ids[i - step] === ids[i]
    const ahead = after && ids[i + step] === ids[i]
    if (back && ahead) return (rough[i + step] - rough[i - step]) / 2
    return back ? rough[i] - rough[i - step] : ahead ? rough[i + step] - rough[i] : 0
  }
  for (let i = 0, y = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const sx = slope(i, 1, x > 0, x + 1 < width)
      const sy = slope(i, width, y > 0, y + 1 < height)
      const up = 1 / Math.sqrt(1 + sx * sx + sy * sy)
      const emitted = 1 + look.edge * Math.min(1.6, 1 / up - 1) - look.side * (sx * lx + sy * ly) * up
      const pit = Math.max(0, near[i] - top[i]) * 2.5 + Math.max(0, far[i] - top[i])
      const dark = Math.exp((-look.shadow * pit) / radius)
      const deep = 1 - look.depth * (1 - top[i] / highest)
      result[i] = Math.max(0.02, albedo[i] * emitted * dark * deep)
    }
  return result
}

/** Applies slow gradients, and smears that fade along the scan direction behind bright edges, in place. */
function applyCharging(signal: Float32Array, relief: Relief, look: Look, noise: ValueNoise, rng: Rng): void {
  const { width, height } = relief
  const [gx, gy] = [rng.range(-1, 1), rng.range(-1, 1)]
  // the same in every row
  const across = Float64Array.from({ length: width }, (_, x) => x / width)
  for (let i = 0, y = 0; y < height; y++) {
    let smear = 0
    const v = y / height - 0.5
    const strength = look.charging * Math.max(0, noise.at(y * 0.11, 7.5))
    for (let x = 0; x < width; x++, i++) {
      smear = smear * 0.97 + Math.max(0, signal[i] - 1.1) * 0.06
      const u = across[x] - 0.5
      const slow = gx * u + gy * v + 0.7 * noise.fractal(across[x] + 40, y / height + 3, 2)
      signal[i] = Math.max(0, signal[i] * (1 + look.gradient * slow) + strength * smear)
    }
  }
}

/** Applies shot noise and scan-line noise, and sets brightness and contrast as an operator would. */
function expose(signal: Float32Array, width: number, height: number, look: Look, rng: Rng): Uint8Array {
  const sorted = Float32Array.from({ length: 4096 }, (_, i) => signal[Math.floor((i * signal.length) / 4096)]).sort()
  const black = sorted[20] * 0.7
  const white = Math.max(black + 0.1, sorted[4055])
  const [low, high] = look.range
  const image = new Uint8Array(signal.length)
  for (let i = 0, y = 0; y < height; y++) {
    const line = look.lines * rng.normal()
    for (let x = 0; x < width; x++, i++) {
      const level = Math.max(0, (signal[i] - black) / (white - black))
      const noisy = level + rng.normal() * Math.sqrt((level + 0.08) / look.dose) + line
      image[i] = Math.max(0, Math.min(255, Math.round(low + (high - low) * noisy)))
    }
  }
  return image
}
