/**
 * @file Writes augmented copies of a dataset. Each copy depends only on the seed, its source's id and its own number, so
 * that an interrupted run can be continued, and adding images to the dataset does not change the copies of the others.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { Rng } from '../../../engine/rng'
import { augment, type CopyOptions } from '../../../engine/augment/augment'
import { type DatasetItem, loadItem } from '../dataset'
import type { Sample } from '../../../engine/image/sample'
import { listHash, type Part, parts, type Split } from '../split'
import { UserError } from '../../host/errors'
import { copyFileAtomic, writeFileAtomic } from '../../host/files'
import { refuseDataset, relabel, writeGroups, writeLabels, writePicture } from '../dataset-writer'
import { stemOfId } from '../file-stems'

export interface AugmentRun {
  out: string
  items: readonly DatasetItem[]
  /** Images of its training part are augmented, the others are copied unchanged; null: all are augmented. */
  split: Split | null
  /** How many images to write for the augmented ones: in total, or for each. */
  amount: { total: number } | { perImage: number }
  /** True if the first image written for each source is the source itself. */
  originals: boolean
  seed: number
  options: CopyOptions
  /** Chooses the images that are written now; the others are left to other processes, and split.json to the one that merges. */
  part?<T>(entries: readonly T[]): T[]
  /** Only writes split.json, when all images exist. @throws UserError that names images which do not */
  expectAll?(names: readonly string[], done: ReadonlySet<string>): Promise<void>
  onProgress?(done: number, total: number, name: string): void
  stop?(): boolean
}

export interface AugmentSummary {
  out: string
  /** False if the run was stopped before everything was written. */
  finished: boolean
  /** The number of augmented images, and of images written for them. */
  sources: number
  pictures: number
  /** The number of images written by this run; the others existed already. */
  written: number
  /** The number of validation and test images, copied unchanged. */
  taken: number
}

/** An image to be written. */
interface OutputImage {
  name: string
  item: DatasetItem
  part: Part
  /** Number of the copy, from 1; 0 is the source itself. */
  copy: number
}

/** Writes the copies. @throws UserError if the folder contains something else, or the requested number is too small */
export async function augmentDataset(run: AugmentRun): Promise<AugmentSummary> {
  const { out, items, split, onProgress, stop } = run
  const partOf = new Map(split && parts.flatMap((part) => split[part].map((id) => [id, part] as const)))
  const varied = items.filter(({ id }) => (partOf.get(id) ?? 'train') === 'train')
  const others = items.filter((item) => !varied.includes(item))
  const entries: OutputImage[] = [
    ...copiesOf(varied, run),
    ...others.map((item) => ({ name: stemOfId(item.id), item, part: partOf.get(item.id)!, copy: 0 })),
  ]
  refuseNameClashes(entries)
  await writeOrCheckRecord(run, entries)
  await writeGroups(
    out,
    ['name', 'group', 'part', 'source', 'copy'],
    entries.map(({ name, item, part, copy }) => [name, item.group, split ? part : '', item.id, copy]),
  )

  const sums = { sources: varied.length, pictures: entries.length - others.length, taken: others.length }
  const exists = (entry: OutputImage) => Object.values(targets(entry, out)).every((path) => existsSync(path))
  const namesOf = (list: readonly OutputImage[]) => list.map(({ name }) => name)
  await run.expectAll?.(namesOf(entries), new Set(namesOf(entries.filter(exists))))
  const missing = (run.part?.(entries) ?? entries).filter((entry) => !exists(entry))
  let loaded: { item: DatasetItem; sample: Sample } | undefined
  for (const [written, entry] of missing.entries()) {
    if (stop?.()) return { out, finished: false, ...sums, written }
    onProgress?.(written, missing.length, entry.name)
    if (loaded?.item !== entry.item) loaded = { item: entry.item, sample: await loadItem(entry.item) }
    await writeEntry(entry, targets(entry, out), loaded.sample, run)
  }
  if (split && !run.part) await writeSplit(out, entries, split)
  return { out, finished: true, ...sums, written: missing.length }
}

/** Divides `total` into `count` whole numbers that differ by at most 1. */
export const distributeEvenly = (total: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.floor(((i + 1) * total) / count) - Math.floor((i * total) / count))

function copiesOf(items: readonly DatasetItem[], { amount, originals }: AugmentRun): OutputImage[] {
  if (!items.length) throw new UserError('there is no image to augment: the training part is empty')
  const total = 'total' in amount ? amount.total : amount.perImage * items.length
  if (total < items.length)
    throw new UserError(
      `${total} images cannot be written: there are ${items.length} images to augment, and each needs at least one`,
    )
  const counts = distributeEvenly(total, items.length)
  const digits = String(Math.max(...counts)).length
  const first = originals ? 0 : 1
  return items.flatMap((item, i) =>
    Array.from({ length: counts[i] }, (_, k) => {
      const copy = k + first
      const suffix = copy ? `-aug${String(copy).padStart(digits, '0')}` : ''
      return { name: stemOfId(item.id) + suffix, item, part: 'train' as const, copy }
    }),
  )
}

/** @throws UserError if two images would have the same name */
function refuseNameClashes(entries: readonly OutputImage[]): void {
  const first = new Map<string, OutputImage>()
  for (const entry of entries) {
    const other = first.get(entry.name)
    if (other)
      throw new UserError(
        `copies of ${other.item.imagePath} and ${entry.item.imagePath} would both be named ${entry.name}: rename one`,
      )
    first.set(entry.name, entry)
  }
}

/**
 * Writes augment.json, the settings on which the images depend, before any image, or compares the one that exists.
 * @throws UserError if an earlier run had other settings or images
 */
async function writeOrCheckRecord(
  { out, split, amount, originals, seed, options }: AugmentRun,
  entries: readonly OutputImage[],
) {
  const path = join(out, 'augment.json')
  const names = entries.map(({ name, item, part }) => ({ id: `${part} ${name} ${item.id}`, group: item.group }))
  const record = {
    generator: 'wgsam dataset augment',
    version: 1,
    seed,
    ...amount,
    originals,
    split: split ? { seed: split.seed, shares: split.shares, hash: split.hash } : null,
    options,
    pictures: listHash(names),
  }
  const text = JSON.stringify(record, null, 2) + '\n'
  if (!existsSync(path)) {
    refuseDataset(out)
    return writeFileAtomic(path, text)
  }
  if ((await readFile(path, 'utf8')) !== text)
    throw new UserError(`${path} was written for other images or settings: choose another --out, or remove that folder`)
}

interface Target {
  image: string
  mask: string
}

/** Paths of an image and its label map; an image that is copied unchanged keeps its file's format. */
function targets({ name, item, copy }: OutputImage, out: string): Target {
  const { labels } = item
  const [image, mask] = [
    copy ? '.png' : extname(item.imagePath),
    copy || labels.kind !== 'map' ? '.png' : extname(labels.path),
  ]
  return { image: join(out, 'images', name + image), mask: join(out, 'masks', name + mask) }
}

async function writeEntry({ item, copy }: OutputImage, to: Target, sample: Sample, { seed, options }: AugmentRun) {
  const { width, height, labels } = sample
  if (!copy) {
    await copyFileAtomic(item.imagePath, to.image)
    if (item.labels.kind === 'map') return copyFileAtomic(item.labels.path, to.mask)
    return writeLabels(to.mask, { width, height, data: labels })
  }
  const variant = augment(sample, new Rng(seedOf(seed, item.id, copy)), options)
  await writePicture(to.image, variant)
  await writeLabels(to.mask, { ...variant, data: relabel(variant.labels).data })
}

/** The seed of a copy: 48 bits of a hash. */
function seedOf(seed: number, id: string, copy: number): number {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, id, copy]))
    .digest()
  return digest.readUIntBE(0, 6)
}

async function writeSplit(out: string, entries: readonly OutputImage[], { seed, shares }: Split): Promise<void> {
  const of = (part: Part) =>
    entries
      .filter((entry) => entry.part === part)
      .map(({ name }) => name)
      .sort()
  const hash = listHash(entries.map(({ name, item }) => ({ id: name, group: item.group })))
  const split: Split = { version: 1, seed, shares, hash, train: of('train'), val: of('val'), test: of('test') }
  await writeFileAtomic(join(out, 'split.json'), JSON.stringify(split, null, 2) + '\n')
}
