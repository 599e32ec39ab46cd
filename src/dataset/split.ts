/** @file Splits a dataset into train, val and test: whole groups are assigned to parts at random, and the split is kept in a file. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { Rng } from '../../engine/rng'
import { messageOf, UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { finiteNumber, checkValue } from '../text/check-value'

/** The parts of a split. */
export const parts = ['train', 'val', 'test'] as const
export type Part = (typeof parts)[number]
/** Ids by part. */
export type Parts = Record<Part, string[]>

/** Shares of train, val and test unless others are given. */
export const defaultShares: [number, number, number] = [0.7, 0.2, 0.1]

/** The properties of an item on which a split depends. */
export interface Grouped {
  id: string
  group: string
}

/** The shares of train, val and test, and the seed. */
export interface SplitOptions {
  seed: number
  /** Shares of train, val and test; they need not sum to 1. */
  shares?: [number, number, number]
}

/**
 * Assigns whole groups to the parts: the largest groups first, groups of equal size in an order shuffled by the seed, each to
 * the part that lacks the most images. With three or more groups no part is empty. The order of the items does not matter.
 * @returns ids of the items of each part, sorted
 * @throws UserError if the shares are invalid
 * @example
 * const { items } = await openDataset('data')
 * const { train: ids, val, test } = makeSplit(items, { seed: 1, shares: [0.7, 0.2, 0.1] })
 */
export function makeSplit(items: readonly Grouped[], { seed, shares = defaultShares }: SplitOptions): Parts {
  const total = shares.reduce((a, b) => a + b, 0)
  if (!shares.every((share) => share >= 0) || !(total > 0))
    throw new UserError(`the shares of a split must be numbers from 0, and not all 0: ${shares.join(', ')}`)
  const groups = new Map<string, string[]>()
  for (const { id, group } of [...items].sort((a, b) => (a.id < b.id ? -1 : 1)))
    groups.set(group, [...(groups.get(group) ?? []), id])
  const names = new Rng(seed, 0x5911).shuffle([...groups.keys()].sort())
  names.sort((a, b) => groups.get(b)!.length - groups.get(a)!.length)

  const assigned = parts.map(() => [] as string[])
  const count = (part: string[]) => part.reduce((sum, name) => sum + groups.get(name)!.length, 0)
  for (const name of names) {
    const lack = assigned.map((part, i) => (shares[i] / total) * items.length - count(part))
    assigned[lack.indexOf(Math.max(...lack))].push(name)
  }
  for (const [i, part] of assigned.entries()) {
    if (part.length || !shares[i]) continue
    // An empty part gets the smallest group of the part with the most groups.
    const donor = assigned.reduce((a, b) => (b.length > a.length ? b : a))
    if (donor.length > 1) part.push(donor.pop()!)
  }
  const ids = (part: string[]) => part.flatMap((name) => groups.get(name)!).sort()
  return { train: ids(assigned[0]), val: ids(assigned[1]), test: ids(assigned[2]) }
}

/**
 * At most `most` of the ids, chosen by the seed; null: all of them. With the same seed a smaller number chooses a part of what
 * a larger one does, so that a learning curve only ever adds images.
 * @returns sorted
 */
export function chooseImages(ids: readonly string[], most: number | null, seed: number): string[] {
  const sorted = [...ids].sort()
  return most === null ? sorted : new Rng(seed, 0xf3a).shuffle(sorted).slice(0, most).sort()
}

const idsSchema = v.array(v.string())
const splitSchema = v.object({
  version: v.literal(1),
  seed: finiteNumber,
  shares: v.tuple([finiteNumber, finiteNumber, finiteNumber]),
  hash: v.string(),
  train: idsSchema,
  val: idsSchema,
  test: idsSchema,
})
export type Split = v.InferOutput<typeof splitSchema>

/** A hash that identifies a list of images and their groups. */
export function listHash(items: readonly Grouped[]): string {
  const lines = items.map(({ id, group }) => JSON.stringify([id, group])).sort()
  return createHash('sha256').update(lines.join('\n')).digest('hex')
}

/**
 * The split of a dataset: read from the file if it exists, otherwise made and written to it.
 * @throws UserError if the file is damaged, divides a group, or was made for other images or groups
 */
export async function openSplit(path: string, items: readonly Grouped[], options: SplitOptions): Promise<Split> {
  const hash = listHash(items)
  if (!existsSync(path)) {
    const { seed, shares = defaultShares } = options
    const split: Split = { version: 1, seed, shares, hash, ...makeSplit(items, options) }
    await writeFileAtomic(path, JSON.stringify(split, null, 2) + '\n')
    return split
  }
  const split = await readSplit(path)
  checkSplit(path, split, items, hash)
  return split
}

/** Reads a split. @throws UserError if the file is missing or damaged */
export async function readSplit(path: string): Promise<Split> {
  try {
    return checkValue(splitSchema, JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    const way = existsSync(path) ? '. Delete it to make a new one.' : ''
    throw new UserError(`cannot use the split ${path}: ${messageOf(error, path)}${way}`)
  }
}

/** @throws UserError if a split does not fit the items */
function checkSplit(path: string, split: Split, items: readonly Grouped[], hash: string): void {
  const groupOf = new Map(items.map(({ id, group }) => [id, group]))
  const listed = parts.flatMap((part) => split[part])
  const known = new Set(listed)
  const gone = listed.filter((id) => !groupOf.has(id))
  const added = items.filter(({ id }) => !known.has(id)).map(({ id }) => id)
  const problems: string[] = []
  if (gone.length) problems.push(`${gone.length} of its images are not in the dataset (${few(gone)})`)
  if (added.length) problems.push(`${added.length} images of the dataset are not in it (${few(added)})`)
  if (known.size < listed.length)
    problems.push(`it lists images twice (${few(listed.filter((id, i) => listed.indexOf(id) < i))})`)
  const partOf = new Map<string, Part>()
  const divided = new Set<string>()
  for (const part of parts)
    for (const id of split[part]) {
      const group = groupOf.get(id)
      if (group === undefined) continue
      if ((partOf.get(group) ?? part) !== part) divided.add(group)
      partOf.set(group, part)
    }
  if (divided.size) problems.push(`these groups are in more than one part: ${few([...divided])}`)
  if (!problems.length && split.hash !== hash) problems.push('the images are grouped differently')
  if (problems.length)
    throw new UserError(
      `the split ${path} does not fit the dataset: ${problems.join('; ')}. Delete it to make a new one (results of earlier tests are then no longer comparable), or restore the images.`,
    )
}

/** The first three names of a list. */
const few = (names: string[]) => names.slice(0, 3).join(', ') + (names.length > 3 ? ', …' : '')
