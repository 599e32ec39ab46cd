/** @file Joins the polygons of an instance into one ring, for formats that store an instance as one polygon without holes. */
import type { InstanceBox, LabelMap } from '../../engine/image/label-map'
import { maskOfLabel } from '../../engine/masks/mask-of-label'
import { type MaskPolygon, maskPolygons, type Corner } from './contours'

/** The polygons of one label. */
export const labelPolygons = (labels: LabelMap, instance: InstanceBox): MaskPolygon[] =>
  maskPolygons(maskOfLabel(labels, instance))

/**
 * Joins all rings of an instance into one: holes and further components are connected by a line there and back, between
 * corners near each other. Filled by the even-odd rule it gives the same pixels; an editor shows the lines as hairlines.
 */
export function singleRing(polygons: readonly MaskPolygon[]): Corner[] {
  const rings = polygons.flatMap(({ outer, holes }) => [outer, ...holes])
  let ring: Corner[] = rings[0] ?? []
  for (const next of rings.slice(1)) {
    const [at, from] = nearCorners(ring, next)
    // Once around the next ring from its nearest corner, then back to the corner of the first.
    ring = [...ring.slice(0, at + 1), ...next.slice(from), ...next.slice(0, from + 1), ...ring.slice(at)]
  }
  return ring
}

/** Indices of two corners near each other: the corner of `a` nearest to b's first one, and the corner of `b` nearest to that. */
function nearCorners(a: readonly Corner[], b: readonly Corner[]): [number, number] {
  const at = nearest(a, b[0])
  return [at, nearest(b, a[at])]
}

function nearest(ring: readonly Corner[], [x, y]: Corner): number {
  let [best, least] = [0, Infinity]
  ring.forEach(([px, py], i) => {
    const distance = (px - x) ** 2 + (py - y) ** 2
    if (distance < least) [best, least] = [i, distance]
  })
  return best
}

/** A ring as [x0, y0, x1, y1, …]. */
export const flatCoordinates = (ring: readonly Corner[]): number[] => ring.flat()
