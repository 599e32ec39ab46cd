/** @file A split that is dealt by group, looked over for the same picture in two parts, and only then written. */
import { existsSync } from 'node:fs'
import type { Dataset, DatasetItem } from './dataset'
import { readImage } from '../images/read-image'
import { toRGB8 } from '../images/rgb8'
import { listHash, makeSplit, openSplit, type Part, parts, type Split, type SplitOptions } from './split'
import { UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { fingerprint } from './fingerprint'
import { findTwins, type Known, type Twins } from './duplicates'

export interface PartSummary {
  part: Part
  images: number
  groups: number
  instances: number
}

export interface SplitResult {
  split: Split
  /** Whether the file was there already and has been checked only. */
  kept: boolean
  parts: PartSummary[]
  /** Pictures of two parts that look nearly alike. */
  alike: { a: string; b: string; parts: [Part, Part] }[]
}

/**
 * Splits a dataset into `path`, or checks the split that is there.
 * @throws UserError where one picture would be in two parts, or where the file there is of other images or options
 */
export async function splitDataset(
  { items }: Dataset,
  path: string,
  options: Partial<SplitOptions>,
  onProgress?: (done: number, total: number) => void,
): Promise<SplitResult> {
  const kept = existsSync(path)
  const { seed = 0, shares = [0.7, 0.2, 0.1] } = options
  const split: Split = kept
    ? await openSplit(path, items, { seed })
    : { version: 1, seed, shares, hash: listHash(items), ...makeSplit(items, { seed, shares }) }
  const other =
    (options.seed !== undefined && split.seed !== seed) || (options.shares && String(split.shares) !== String(shares))
  if (kept && other)
    throw new UserError(
      `${path} is there already, with seed ${split.seed} and shares ${split.shares.join(', ')}: remove it, or choose another --out`,
    )
  const partOf = new Map(parts.flatMap((part) => split[part].map((id) => [id, part] as const)))
  const twins = await twinsAcross(items, partOf, onProgress)
  const identical = twins.filter(({ kind }) => kind === 'identical')
  if (identical.length) throw new UserError(describeLeaks(identical, partOf, kept ? path : null))
  if (!kept) await writeFileAtomic(path, JSON.stringify(split, null, 2) + '\n')
  return {
    split,
    kept,
    parts: parts.map((part) => summarise(part, items, new Set(split[part]))),
    alike: twins.map(({ a, b }) => ({ a: a.id, b: b.id, parts: [partOf.get(a.id)!, partOf.get(b.id)!] })),
  }
}

/** Twins whose parts differ. */
async function twinsAcross(
  items: readonly DatasetItem[],
  partOf: ReadonlyMap<string, Part>,
  onProgress?: (done: number, total: number) => void,
): Promise<Twins[]> {
  const byId = new Map(items.map((item) => [item.id, item]))
  const load = async (id: string) => {
    const image = await readImage(byId.get(id)!.imagePath)
    return { width: image.width, height: image.height, rgb: toRGB8(image) }
  }
  const known: Known[] = []
  for (const [i, { id, group }] of items.entries()) {
    known.push({ id, group, print: fingerprint(await load(id)) })
    onProgress?.(i + 1, items.length)
  }
  const apart = (a: Known, b: Known) => partOf.get(a.id) !== partOf.get(b.id)
  return (await findTwins(known, load, apart)).filter(({ a, b }) => apart(a, b))
}

function describeLeaks(twins: readonly Twins[], partOf: ReadonlyMap<string, Part>, path: string | null): string {
  const lines = twins.map(
    ({ a, b }) =>
      `  ${a.id} (group ${a.group}, in ${partOf.get(a.id)}) and ${b.id} (group ${b.group}, in ${partOf.get(b.id)})`,
  )
  const most = 20
  const more = lines.length > most ? [`  and ${lines.length - most} more`] : []
  return [
    `the same picture is in two parts of the split, so that its test would be no test:`,
    ...lines.slice(0, most),
    ...more,
    `Remove one of each, or give both the same group (in groups.csv, or by --group-by)${path ? `, then delete ${path}` : '; nothing was written'}.`,
  ].join('\n')
}

function summarise(part: Part, items: readonly DatasetItem[], ids: ReadonlySet<string>): PartSummary {
  const mine = items.filter(({ id }) => ids.has(id))
  return {
    part,
    images: mine.length,
    groups: new Set(mine.map(({ group }) => group)).size,
    instances: mine.reduce((sum, { instances }) => sum + instances, 0),
  }
}
