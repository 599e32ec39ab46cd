/** @file Splits a dataset into train, val and test (see split.ts), and refuses a split that has the same image in two parts. */
import { existsSync } from 'node:fs'
import type { Dataset, DatasetItem } from './dataset'
import { readImage } from '../images/read-image'
import { toRGB8 } from '../images/rgb8'
import { defaultShares, listHash, makeSplit, openSplit, type Part, parts, type Split, type SplitOptions } from './split'
import { UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { fingerprint } from './fingerprint'
import { findDuplicates, type FingerprintedImage, type DuplicatePair } from './duplicates'

export interface PartSummary {
  part: Part
  images: number
  groups: number
  instances: number
}

export interface SplitResult {
  split: Split
  /** True if the file existed already and was only checked. */
  kept: boolean
  parts: PartSummary[]
  /** Images of different parts that are nearly the same. */
  alike: { a: string; b: string; parts: [Part, Part] }[]
}

/**
 * Writes the split of a dataset to `path`, or checks the split that exists there.
 * @throws UserError if the same image would be in two parts, or if the existing file is for other images or options
 */
export async function splitDataset(
  { items }: Dataset,
  path: string,
  options: Partial<SplitOptions>,
  onProgress?: (done: number, total: number) => void,
): Promise<SplitResult> {
  const kept = existsSync(path)
  const { seed = 0, shares = defaultShares } = options
  const split: Split = kept
    ? await openSplit(path, items, { seed })
    : { version: 1, seed, shares, hash: listHash(items), ...makeSplit(items, { seed, shares }) }
  const other =
    (options.seed !== undefined && split.seed !== seed) || (options.shares && String(split.shares) !== String(shares))
  if (kept && other)
    throw new UserError(
      `${path} exists already, with seed ${split.seed} and shares ${split.shares.join(', ')}: remove it, or choose another --out`,
    )
  const partOf = new Map(parts.flatMap((part) => split[part].map((id) => [id, part] as const)))
  const duplicates = await duplicatesAcrossParts(items, partOf, onProgress)
  const identical = duplicates.filter(({ kind }) => kind === 'identical')
  if (identical.length) throw new UserError(describeLeaks(identical, partOf, kept ? path : null))
  if (!kept) await writeFileAtomic(path, JSON.stringify(split, null, 2) + '\n')
  return {
    split,
    kept,
    parts: parts.map((part) => partSummary(part, items, new Set(split[part]))),
    alike: duplicates.map(({ a, b }) => ({ a: a.id, b: b.id, parts: [partOf.get(a.id)!, partOf.get(b.id)!] })),
  }
}

/** Pairs of duplicates that are in different parts. */
async function duplicatesAcrossParts(
  items: readonly DatasetItem[],
  partOf: ReadonlyMap<string, Part>,
  onProgress?: (done: number, total: number) => void,
): Promise<DuplicatePair[]> {
  const byId = new Map(items.map((item) => [item.id, item]))
  const load = async (id: string) => {
    const image = await readImage(byId.get(id)!.imagePath)
    return { width: image.width, height: image.height, rgb: toRGB8(image) }
  }
  const images: FingerprintedImage[] = []
  for (const [i, { id, group }] of items.entries()) {
    images.push({ id, group, fingerprint: fingerprint(await load(id)) })
    onProgress?.(i + 1, items.length)
  }
  const apart = (a: FingerprintedImage, b: FingerprintedImage) => partOf.get(a.id) !== partOf.get(b.id)
  return (await findDuplicates(images, load, apart)).filter(({ a, b }) => apart(a, b))
}

function describeLeaks(
  duplicates: readonly DuplicatePair[],
  partOf: ReadonlyMap<string, Part>,
  path: string | null,
): string {
  const lines = duplicates.map(
    ({ a, b }) =>
      `  ${a.id} (group ${a.group}, in ${partOf.get(a.id)}) and ${b.id} (group ${b.group}, in ${partOf.get(b.id)})`,
  )
  const shown = 20
  const more = lines.length > shown ? [`  and ${lines.length - shown} more`] : []
  return [
    `the same image is in two parts of the split, so the test results would be too good:`,
    ...lines.slice(0, shown),
    ...more,
    `Remove one of each, or give both the same group (in groups.csv, or by --group-by)${path ? `, then delete ${path}` : '; nothing was written'}.`,
  ].join('\n')
}

function partSummary(part: Part, items: readonly DatasetItem[], ids: ReadonlySet<string>): PartSummary {
  const ofPart = items.filter(({ id }) => ids.has(id))
  return {
    part,
    images: ofPart.length,
    groups: new Set(ofPart.map(({ group }) => group)).size,
    instances: ofPart.reduce((sum, { instances }) => sum + instances, 0),
  }
}
