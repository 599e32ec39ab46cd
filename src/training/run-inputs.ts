/**
 * @file What a run is trained and validated on: its split and the contents of its files, recorded when it begins and compared
 * when it is resumed. Otherwise an image that was edited in between, or a split in which val and test were exchanged, would go
 * unnoticed.
 */
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import * as v from 'valibot'
import type { DatasetItem } from '../dataset/dataset'
import { parts, type Part } from '../dataset/split'
import { messageOf, UserError } from '../host/errors'
import { fileHash } from '../host/file-hash'
import { writeFileAtomic } from '../host/files'
import type { RunFolder } from './run-folder'
import { checkValue } from '../text/check-value'

const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
const Inputs = v.object({
  version: v.literal(1),
  /** The ids of each part. */
  split: v.object({ train: v.array(v.string()), val: v.array(v.string()), test: v.array(v.string()) }),
  /** SHA-256 of the image and of its labels, by id; images of the test are not read. */
  files: v.record(v.string(), v.object({ image: hash, labels: hash })),
})
type Inputs = v.InferOutput<typeof Inputs>

/**
 * Records the inputs of a run that begins; compares those of a run that has them on record.
 * @throws UserError that says what has changed
 */
export async function checkInputs(run: RunFolder, data: Record<Part, DatasetItem[]>): Promise<void> {
  const now = await inputsOf(data)
  if (!existsSync(run.inputs)) return writeFileAtomic(run.inputs, JSON.stringify(now) + '\n')
  const before = await readInputs(run.inputs)
  const problems = [...splitChanges(before, now), ...fileChanges(before, now)]
  if (problems.length)
    throw new UserError(
      `${run.root} cannot be resumed, because its data are not those that it began with:\n${problems.map((line) => `  ${line}`).join('\n')}\n` +
        'Restore them, or begin a new run with another --out.',
    )
}

async function readInputs(path: string): Promise<Inputs> {
  try {
    return checkValue(Inputs, JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    throw new UserError(
      `${path}, the record of the run's data, is damaged: ${messageOf(error, path)}. Delete it if the data are unchanged: they are then recorded again.`,
    )
  }
}

/** The hash of a file by its path, size and time: the cells of an ablation read the same files. */
const hashes = new Map<string, Promise<string>>()

async function hashOf(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path)
  const key = `${path}\n${size}\n${mtimeMs}`
  let known = hashes.get(key)
  if (!known) {
    known = fileHash(path)
    hashes.set(key, known)
  }
  return known
}

async function inputsOf(data: Record<Part, DatasetItem[]>): Promise<Inputs> {
  const split = Object.fromEntries(parts.map((part) => [part, data[part].map(({ id }) => id)])) as Inputs['split']
  const files: Inputs['files'] = Object.create(null)
  for (const { id, imagePath, labels } of [...data.train, ...data.val])
    files[id] = { image: await hashOf(imagePath), labels: await hashOf(labels.path) }
  return { version: 1, split, files }
}

function splitChanges(before: Inputs, now: Inputs): string[] {
  return parts.flatMap((part) => {
    const [old, current] = [new Set(before.split[part]), new Set(now.split[part])]
    const gone = before.split[part].filter((id) => !current.has(id))
    const added = now.split[part].filter((id) => !old.has(id))
    const lines: string[] = []
    if (gone.length) lines.push(`no longer in ${part}: ${few(gone)}`)
    if (added.length) lines.push(`new in ${part}: ${few(added)}`)
    const same = !gone.length && !added.length && JSON.stringify(before.split[part]) === JSON.stringify(now.split[part])
    return lines.length || same ? lines : [`the images of ${part} are in another order`]
  })
}

function fileChanges(before: Inputs, now: Inputs): string[] {
  const changed = (of: 'image' | 'labels') =>
    Object.keys(now.files).filter((id) => Object.hasOwn(before.files, id) && before.files[id][of] !== now.files[id][of])
  const [images, labels] = [changed('image'), changed('labels')]
  return [
    ...(images.length ? [`${images.length} images have other contents: ${few(images)}`] : []),
    ...(labels.length ? [`the labels of ${labels.length} images have other contents: ${few(labels)}`] : []),
  ]
}

/** The first three of a list. */
const few = (ids: readonly string[]) => ids.slice(0, 3).join(', ') + (ids.length > 3 ? `, … (${ids.length})` : '')
