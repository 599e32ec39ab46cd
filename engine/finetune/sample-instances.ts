/** @file Chooses the instances of an image that an evaluation prompts. */
import type { Instance } from '../masks/instances'
import { Rng } from '../rng'

/**
 * At most `maxInstances` instances (null or absent: all), chosen by the seed and the image's id, in the order of their labels.
 */
export function sampleInstances(
  all: readonly Instance[],
  id: string,
  { maxInstances, seed }: { maxInstances?: number | null; seed: number },
): Instance[] {
  if (!maxInstances || all.length <= maxInstances) return [...all]
  // seeded by the id, so that the sample of an image does not depend on the other images
  let stream = 0
  for (const character of id) stream = (Math.imul(stream, 31) + character.codePointAt(0)!) >>> 0
  const sampled = new Rng(seed, stream).shuffle([...all]).slice(0, maxInstances)
  return sampled.sort((a, b) => a.id - b.id)
}
