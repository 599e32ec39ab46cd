/** @file Contacts and agglomerates, pores and cracks of all particles together. */
import type { WeighedImage } from './weighed-particle'

export interface ContactSummary {
  /** coordination[k]: how many of the particles that do not touch the image's edge touch k others. */
  coordination: number[]
  /** Their mean coordination number; NaN without such particles. */
  meanCoordination: number
  /** Agglomerates of two particles or more, none of which touches the edge. */
  agglomerates: { count: number; particles: number; meanSize: number; largest: number }
  /** Agglomerates with a particle at the edge: their size is unknown. */
  cut: number
}

/** Particles at the edge have neighbours that are not seen, so only the others have a coordination number here. */
export function contactSummary(images: readonly WeighedImage[]): ContactSummary {
  const coordination: number[] = []
  const whole: number[] = []
  let cut = 0
  for (const { particles } of images) {
    const groups = new Map<number, { size: number; edge: boolean }>()
    for (const { particle } of particles) {
      if (!particle.edge) coordination[particle.touching] = (coordination[particle.touching] ?? 0) + 1
      const { id, size } = particle.agglomerate
      groups.set(id, { size, edge: particle.edge || (groups.get(id)?.edge ?? false) })
    }
    for (const { size, edge } of groups.values())
      if (size > 1)
        if (edge) cut++
        else whole.push(size)
  }
  const counts = Array.from(coordination, (count) => count ?? 0)
  const total = counts.reduce((a, b) => a + b, 0)
  const particles = whole.reduce((a, b) => a + b, 0)
  return {
    coordination: counts,
    meanCoordination: counts.reduce((sum, count, touching) => sum + count * touching, 0) / total,
    agglomerates: {
      ...{ count: whole.length, particles, meanSize: particles / whole.length },
      largest: whole.reduce((a, b) => Math.max(a, b), 0),
    },
    cut,
  }
}

export interface InteriorSummary {
  /** Particles that count, and of these the ones with holes in their masks. */
  particles: number
  withHoles: number
  /** Area of the holes divided by the area of the particles with them. */
  holeFraction: number
  /** Particles whose image was searched for dark features; 0 without images. */
  searched: number
  withPores: number
  withCracks: number
  /** Area of dark pores and of cracks divided by the area that was searched. */
  poreFraction: number
  crackFraction: number
}

/** Particles that count, each once; areas in pixels are scaled by the size of the pixels, so that images can differ in it. */
export function interiorSummary(images: readonly WeighedImage[]): InteriorSummary {
  const sums = { particles: 0, withHoles: 0, searched: 0, withPores: 0, withCracks: 0 }
  let [holes, filled, searched, pores, cracks] = [0, 0, 0, 0, 0]
  for (const { particles, scale } of images)
    for (const { particle, number } of particles) {
      if (!(number > 0)) continue
      const { area, holeArea, interior } = particle
      const square = scale ** 2
      sums.particles++
      sums.withHoles += Number(holeArea > 0)
      holes += holeArea * square
      filled += (area + holeArea) * square
      if (!interior) continue
      sums.searched++
      sums.withPores += Number(interior.pores > 0)
      sums.withCracks += Number(interior.cracks > 0)
      searched += interior.area * square
      pores += interior.pores * square
      cracks += interior.cracks * square
    }
  return {
    ...sums,
    holeFraction: filled ? holes / filled : 0,
    poreFraction: searched ? pores / searched : 0,
    crackFraction: searched ? cracks / searched : 0,
  }
}
