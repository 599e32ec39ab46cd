/**
 * @file Images that an adapter to begin with was trained on, and that a run wants to validate or test on: the scores there would
 * be too good. They are recognised by their contents, because folders and names may have changed.
 */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import type { DatasetItem } from '../dataset/dataset'
import type { Part } from '../dataset/split'
import { fileHash } from '../host/file-hash'

const Inputs = v.object({
  split: v.object({ train: v.array(v.string()) }),
  files: v.record(v.string(), v.object({ image: v.string() })),
})
const Config = v.object({ from: v.optional(v.nullable(v.string()), null) })
/** Runs that are followed back, each of which began with an adapter of the one before. */
const MOST_RUNS = 20

/**
 * A warning if images of the validation or the test are among those that the adapter's run was trained on, or the runs before it;
 * null if there are none, or nothing is known of its training.
 */
export async function warnOfSeenImages(from: string, data: Record<Part, DatasetItem[]>): Promise<string | null> {
  const seen = new Set<string>()
  let adapter: string | null = from
  for (let i = 0; adapter !== null && i < MOST_RUNS; i++) {
    const run: string = dirname(adapter)
    const inputs = await read(join(run, 'inputs.json'), Inputs)
    for (const id of inputs?.split.train ?? []) if (Object.hasOwn(inputs!.files, id)) seen.add(inputs!.files[id].image)
    adapter = (await read(join(run, 'config.json'), Config))?.from ?? null
  }
  if (!seen.size) return null
  const count = async (items: readonly DatasetItem[]) => {
    const hashes = await Promise.all(items.map(({ imagePath }) => fileHash(imagePath)))
    return hashes.filter((hash) => seen.has(hash)).length
  }
  const found = (['val', 'test'] as const).map(async (part) => [part, await count(data[part])] as const)
  const parts = (await Promise.all(found)).flatMap(([part, known]) =>
    known ? [`${known} of ${data[part].length} ${part === 'val' ? 'validation' : 'test'} images`] : [],
  )
  if (!parts.length) return null
  return (
    `warning: ${parts.join(' and ')} were already trained on by the adapter that the run begins with: scores on them say little about ` +
    `new images. For the same images use its split (--split ${join(dirname(from), 'split.json')})`
  )
}

/** A JSON file of a run; null if it is missing or something else. */
async function read<T extends v.GenericSchema>(path: string, schema: T): Promise<v.InferOutput<T> | null> {
  try {
    return v.parse(schema, JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return null
  }
}
