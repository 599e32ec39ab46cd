/** @file Which images an adapter's training has used: by the split in the folder of the run that it lies in. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readSplit } from '../dataset/split'

/** Of some images those that were trained on, and those that the best checkpoint was chosen by. */
export interface SeenImages {
  train: number
  val: number
}

/**
 * What the run of an adapter has seen of the images `ids`; null where that is not known: the adapter lies in no run, or the
 * run was of another dataset than the one of this hash (`listHash`), in which equal names are other images.
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

/** A sentence for a report: what the images are to the adapters. */
export function describeSeenImages(images: number, part: string, seen: readonly (SeenImages | null)[]): string {
  const what = `Segmentation of ${images} labelled images`
  const trained = Math.max(0, ...seen.map((one) => one?.train ?? 0))
  if (trained)
    return `${what}, ${trained === images ? 'all' : trained} of which training has seen: of other images this says little.`
  const known = seen.length > 0 && seen.every((one) => one !== null)
  if (!known) return `${what}, ${part}.`
  if (seen.some((one) => one!.val))
    return `${what} that training did not see, but by which the best checkpoint was chosen.`
  return `${what} that training never saw.`
}
