/** @file Finds images that occur twice in a dataset, identical or nearly so. */
import type { RgbImage } from '../../engine/image/rgb-image'
import { type Fingerprint, hashDistance, samePixels } from './fingerprint'

export interface FingerprintedImage {
  id: string
  group: string
  fingerprint: Fingerprint
}

export interface DuplicatePair {
  a: FingerprintedImage
  b: FingerprintedImage
  /** 'identical': pixel for pixel, possibly rotated or mirrored; 'alike': nearly the same. */
  kind: 'identical' | 'alike'
}

/**
 * Images are alike if their perceptual hashes differ in at most this many of 256 bits. Among a hundred real micrographs no
 * two differ in fewer than 54; a copy saved again as JPEG, at half the size, or brighter and mirrored differs in at most 16.
 */
const MAX_ALIKE_DISTANCE = 20
/** In larger datasets only identical images are looked for: nearly identical ones need a comparison of every two. */
const MAX_COMPARED = 20_000

/**
 * All pairs of duplicate images.
 * @param load reads an image again, if two have to be compared pixel by pixel
 * @param wanted pairs for which it returns false are reported only if their pixels are equal without rotation
 */
export async function findDuplicates(
  images: readonly FingerprintedImage[],
  load: (id: string) => Promise<RgbImage>,
  wanted: (a: FingerprintedImage, b: FingerprintedImage) => boolean = () => true,
): Promise<DuplicatePair[]> {
  const duplicates: DuplicatePair[] = []
  const byPixels = new Map<string, FingerprintedImage[]>()
  for (const b of images) {
    const same = byPixels.get(b.fingerprint.pixels) ?? []
    byPixels.set(b.fingerprint.pixels, [...same, b])
    const a = same.find((a) => wanted(a, b)) ?? same[0]
    if (a) duplicates.push({ a, b, kind: 'identical' })
  }
  if (images.length > MAX_COMPARED) return duplicates
  for (let j = 1; j < images.length; j++)
    for (let i = 0; i < j; i++) {
      const [a, b] = [images[i], images[j]]
      if (!wanted(a, b) || a.fingerprint.pixels === b.fingerprint.pixels) continue
      if (hashDistance(a.fingerprint, b.fingerprint) > MAX_ALIKE_DISTANCE) continue
      const same = samePixels(await load(a.id), await load(b.id))
      duplicates.push({ a, b, kind: same ? 'identical' : 'alike' })
    }
  return duplicates
}
