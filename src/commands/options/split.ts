/** @file The options that choose labelled images: a dataset, and one part of it as listed in a split file. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { DatasetItem } from '../../dataset/dataset'
import { listHash, openSplit, type Part } from '../../dataset/split'
import { dataFolders, dataOptions, onBadOption, openData } from './data'
import { UserError } from '../../host/errors'
import { choice, type Option, text, texts, type Values } from '../../cli/options'

export const selectOptions: Record<string, Option> = {
  ...dataOptions,
  'group-by': { type: 'string', value: 'RULE', description: 'grouping rule; use the one given in training' },
  ...onBadOption,
  split: {
    type: 'string',
    value: 'PART',
    default: 'test',
    description: 'part of the dataset to use: test, val, train or all',
  },
  'split-file': {
    type: 'string',
    value: 'FILE',
    description: 'split.json of a training run (default: that of the run which contains --adapter)',
  },
}

export interface Selection {
  items: DatasetItem[]
  folders: string[]
  split: Part | 'all'
  splitFile: string | null
  /** Hash of the list of all images of the dataset. */
  hash: string
}

/**
 * Opens the chosen images, and lists on stderr the pairs that were skipped.
 * @throws UserError for wrong options, or if the part has no images
 */
export async function selectImages(values: Values): Promise<Selection> {
  const folders = dataFolders(values)
  const split = choice(values, 'split', ['test', 'val', 'train', 'all'])!
  for (const folder of folders) if (!existsSync(folder)) throw new UserError(`there is no folder ${folder}`)
  const splitFile = split === 'all' ? null : findSplit(values, split)
  const dataset = await openData(values)
  const hash = listHash(dataset.items)
  if (!splitFile || split === 'all') return { items: dataset.items, folders, split, splitFile, hash }
  const names = new Set((await openSplit(splitFile, dataset.items, { seed: 0 }))[split])
  const items = dataset.items.filter(({ id }) => names.has(id))
  if (!items.length) throw new UserError(`${splitFile} has no images in its ${split} part`)
  return { items, folders, split, splitFile, hash }
}

function findSplit(values: Values, split: Part): string {
  const given = text(values, 'split-file')
  const [adapter] = texts(values, 'adapter')
  const path = given ?? (adapter && join(dirname(resolve(adapter)), 'split.json'))
  if (path && existsSync(path)) return path
  if (given) throw new UserError(`there is no split file ${given}`)
  throw new UserError(
    `the images of the ${split} part are listed in split.json of a training run: name it with --split-file, or use --split all`,
  )
}
