import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { Rng } from '../../engine/rng'
import { messageOf, UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'

export const parts = ['train', 'val', 'test'] as const
export type Part = (typeof parts)[number]
export type Parts = Record<Part, string[]>

/** What a split needs to know of an item. */
export interface Grouped {
  id: string
  group: string
}

export interface SplitOptions {
  seed: number
  /** of train, val and test */
  shares?: [number, number, number]
}

/**
 * Deals whole groups to the parts: the larger first, each to the part that lacks most images, in an order that the seed
 * shuffles. With three groups or more no part is empty. The order of the items does not matter.
 */
export function makeSplit(items: readonly Grouped[], { seed, shares = [0.7, 0.2, 0.1] }: SplitOptions): Parts {
  const total = shares.reduce((a, b) => a + b, 0)
  if (!shares.every((share) => share >= 0) || !(total > 0))
    throw new UserError(`the shares of a split must be numbers from 0, not all 0: ${shares.join(', ')}`)
  const groups = new Map<string, string[]>()
  for (const { id, group } of [...items].sort((a, b) => (a.id < b.id ? -1 : 1)))
    groups.set(group, [...(groups.get(group) ?? []), id])
  const names = new Rng(seed, 0x5911).shuffle([...groups.keys()].sort())
  names.sort((a, b) => groups.get(b)!.length - groups.get(a)!.length)

  const dealt = parts.map(() => [] as string[])
  const count = (part: string[]) => part.reduce((sum, name) => sum + groups.get(name)!.length, 0)
  for (const name of names) {
    const lack = dealt.map((part, i) => (shares[i] / total) * items.length - count(part))
    dealt[lack.indexOf(Math.max(...lack))].push(name)
  }
  for (const [i, part] of dealt.entries()) {
    if (part.length || !shares[i]) continue
    // the last group dealt is the smallest of the part that can best spare one
    const donor = dealt.reduce((a, b) => (b.length > a.length ? b : a))
    if (donor.length > 1) part.push(donor.pop()!)
  }
  const ids = (part: string[]) => part.flatMap((name) => groups.get(name)!).sort()
  return { train: ids(dealt[0]), val: ids(dealt[1]), test: ids(dealt[2]) }
}

const Names = v.array(v.string())
const File = v.object({
  version: v.literal(1),
  seed: v.number(),
  shares: v.tuple([v.number(), v.number(), v.number()]),
  hash: v.string(),
  train: Names,
  val: Names,
  test: Names,
})
export type Split = v.InferOutput<typeof File>

/** Identifies a list of images and their groups. */
export function listHash(items: readonly Grouped[]): string {
  const lines = items.map(({ id, group }) => JSON.stringify([id, group])).sort()
  return createHash('sha256').update(lines.join('\n')).digest('hex')
}

/**
 * The split of a dataset, kept in a file: the file's where there is one, else a new one, written at once.
 * @throws UserError where the file is damaged, parts a group, or was made for other images or groups
 */
export async function openSplit(path: string, items: readonly Grouped[], options: SplitOptions): Promise<Split> {
  const hash = listHash(items)
  if (!existsSync(path)) {
    const { seed, shares = [0.7, 0.2, 0.1] } = options
    const split: Split = { version: 1, seed, shares, hash, ...makeSplit(items, options) }
    await writeFileAtomic(path, JSON.stringify(split, null, 2) + '\n')
    return split
  }
  const split = await readSplit(path)
  checkSplit(path, split, items, hash)
  return split
}

/** @throws UserError where the file is none, or damaged */
export async function readSplit(path: string): Promise<Split> {
  try {
    return v.parse(File, JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    throw new UserError(`cannot use the split ${path}: ${messageOf(error)}. Delete it to have a new one.`)
  }
}

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
  const parted = new Set<string>()
  for (const part of parts)
    for (const id of split[part]) {
      const group = groupOf.get(id)
      if (group === undefined) continue
      if ((partOf.get(group) ?? part) !== part) parted.add(group)
      partOf.set(group, part)
    }
  if (parted.size) problems.push(`groups lie in more than one part (${few([...parted])})`)
  if (!problems.length && split.hash !== hash) problems.push('the images are grouped in another way')
  if (problems.length)
    throw new UserError(
      `the split ${path} does not fit the dataset: ${problems.join('; ')}. Delete it to have a new one (earlier test results then no longer compare), or restore the images.`,
    )
}

const few = (names: string[]) => names.slice(0, 3).join(', ') + (names.length > 3 ? ', …' : '')
