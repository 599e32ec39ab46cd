/** @file Which of some images an adapter's training used, from the split file of the run that contains the adapter. */
import { count as counted } from '../text/count'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import * as v from 'valibot'
import { chooseImages, readSplit } from '../dataset/split'
import { finiteNumber } from '../text/check-value'

/** What a run's configuration says about which images of the training part it used. */
const Choice = v.object({ images: v.optional(v.nullable(finiteNumber), null), seed: finiteNumber })

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
  const run = dirname(resolve(adapter))
  const path = join(run, 'split.json')
  const split = existsSync(path) ? await readSplit(path).catch(() => null) : null
  if (!split || split.hash !== hash) return null
  const { images, seed } = await readChoice(join(run, 'config.json'))
  const count = (part: readonly string[]) => ids.filter((id) => part.includes(id)).length
  return { train: count(chooseImages(split.train, images, seed)), val: count(split.val) }
}

/** All images, if the configuration cannot be read. */
const readChoice = (path: string): Promise<v.InferOutput<typeof Choice>> =>
  readFile(path, 'utf8')
    .then((text) => v.parse(Choice, JSON.parse(text)))
    .catch(() => ({ images: null, seed: 0 }))

/** A sentence for a report: whether the adapters were trained on the images or chosen by them. */
export function describeSeenImages(images: number, part: string, seen: readonly (SeenImages | null)[]): string {
  const subject = `Segmentation of ${counted(images, 'labelled image')}`
  const trained = Math.max(0, ...seen.map((one) => one?.train ?? 0))
  if (trained)
    return `${subject}, ${trained === images ? 'all' : trained} of which training has seen: the scores say little about other images.`
  const known = seen.length > 0 && seen.every((one) => one !== null)
  if (!known) return `${subject}, ${part}.`
  if (seen.some((one) => one!.val))
    return `${subject} that training did not see, but by which the best checkpoint was chosen.`
  return `${subject} that training never saw.`
}
