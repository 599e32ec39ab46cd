/** @file Which of some images an adapter's training used, from the split file of the run that contains the adapter. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readSplit } from '../dataset/split'

/** The number of images that were trained on, and of those that the best checkpoint was chosen by. */
export interface SeenImages {
  train: number
  val: number
}

/**
 * Counts the images `ids` that the run of an adapter used. null if that is not known: the adapter is not in a run's folder, or
 * the run's dataset has another hash (`listHash`) than `hash`, so that equal names may be different images.
 */
export async function countSeenImages(
  adapter: string,
  ids: readonly string[],
  hash: string,
): Promise<SeenImages | null> {
  const path = join(dirname(resolve(adapter)), 'split.json')
  const split = existsSync(path) ? await readSplit(path).catch(() => null) : null
  if (!split || split.hash !== hash) return null
  const count = (part: readonly string[]) => ids.filter((id) => part.includes(id)).length
  return { train: count(split.train), val: count(split.val) }
}

/** A sentence for a report: whether the adapters were trained on the images or chosen by them. */
export function describeSeenImages(images: number, part: string, seen: readonly (SeenImages | null)[]): string {
  const subject = `Segmentation of ${images} labelled images`
  const trained = Math.max(0, ...seen.map((one) => one?.train ?? 0))
  if (trained)
    return `${subject}, ${trained === images ? 'all' : trained} of which training has seen: the scores say little about other images.`
  const known = seen.length > 0 && seen.every((one) => one !== null)
  if (!known) return `${subject}, ${part}.`
  if (seen.some((one) => one!.val))
    return `${subject} that training did not see, but by which the best checkpoint was chosen.`
  return `${subject} that training never saw.`
}
