/** @file Masks as single rings, for formats whose instances are one polygon without holes. */
import type { LabelMap, InstanceBox } from '../../engine/image/label-map'
import { type MaskPolygon, maskPolygons, type Point } from './contours'

/** The polygons of one label. */
export function polygonsOf({ width, data }: LabelMap, { id, x0, y0, x1, y1 }: InstanceBox): MaskPolygon[] {
  const mask = { x0, y0, width: x1 - x0 + 1, height: y1 - y0 + 1 }
  const inside = new Uint8Array(mask.width * mask.height)
  for (let y = 0, at = 0; y < mask.height; y++)
    for (let x = 0; x < mask.width; x++, at++) inside[at] = +(data[(y0 + y) * width + x0 + x] === id)
  return maskPolygons({ ...mask, data: inside })
}

/**
 * All rings of an instance as one: holes and further parts are tied to it by a way there and back, between corners near
 * each other. Filled by the even-odd rule this gives the same pixels; an editor shows the ways as hair lines.
 */
export function singleRing(polygons: readonly MaskPolygon[]): Point[] {
  const rings = polygons.flatMap(({ outer, holes }) => [outer, ...holes])
  let ring: Point[] = rings[0] ?? []
  for (const next of rings.slice(1)) {
    const [at, from] = nearCorners(ring, next)
    // around the next ring from its corner back to it, then back to where it was left
    ring = [...ring.slice(0, at + 1), ...next.slice(from), ...next.slice(0, from + 1), ...ring.slice(at)]
  }
  return ring
}

/** Indices of corners of two rings that are near each other: of a's the nearest to b's first, of b's the nearest to that. */
function nearCorners(a: readonly Point[], b: readonly Point[]): [number, number] {
  const at = nearest(a, b[0])
  return [at, nearest(b, a[at])]
}

function nearest(ring: readonly Point[], [x, y]: Point): number {
  let [best, least] = [0, Infinity]
  ring.forEach(([px, py], i) => {
    const distance = (px - x) ** 2 + (py - y) ** 2
    if (distance < least) [best, least] = [i, distance]
  })
  return best
}

/** [x0, y0, x1, y1, …] */
export const flat = (ring: readonly Point[]): number[] => ring.flat()
