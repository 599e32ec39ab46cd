/** @file Pictures that occur twice, and pictures so alike that they are likely the same one. */
import { type Fingerprint, type Picture, samePixels, shapeDistance } from './fingerprint'

export interface Known {
  id: string
  group: string
  print: Fingerprint
}

export interface Twins {
  a: Known
  b: Known
  /** 'identical': pixel for pixel, perhaps turned or mirrored; 'alike': nearly. */
  kind: 'identical' | 'alike'
}

/**
 * Broad shapes that differ in at most so many of 256 bits are alike. Of a hundred real micrographs no two differ in fewer
 * than 54; a copy saved anew as JPEG, at half the size, or brighter and mirrored differs in at most 16.
 */
export const ALIKE_BITS = 20
/** Beyond so many pictures only equal pixels are looked for: else each is compared with each. */
export const MOST_COMPARED = 20_000

/**
 * All twins among the pictures. `load` gives a picture's pixels once more, where two have to be compared; of pairs that
 * `wanted` refuses only those of equal pixels are named.
 */
export async function findTwins(
  known: readonly Known[],
  load: (id: string) => Promise<Picture>,
  wanted: (a: Known, b: Known) => boolean = () => true,
): Promise<Twins[]> {
  const twins: Twins[] = []
  const byPixels = new Map<string, Known[]>()
  for (const b of known) {
    const same = byPixels.get(b.print.pixels) ?? []
    byPixels.set(b.print.pixels, [...same, b])
    const a = same.find((a) => wanted(a, b)) ?? same[0]
    if (a) twins.push({ a, b, kind: 'identical' })
  }
  if (known.length > MOST_COMPARED) return twins
  for (let j = 1; j < known.length; j++)
    for (let i = 0; i < j; i++) {
      const [a, b] = [known[i], known[j]]
      if (!wanted(a, b) || a.print.pixels === b.print.pixels || shapeDistance(a.print, b.print) > ALIKE_BITS) continue
      const same = samePixels(await load(a.id), await load(b.id))
      twins.push({ a, b, kind: same ? 'identical' : 'alike' })
    }
  return twins
}
