/** @file The options that choose labelled images: a dataset, and of it the part that a split file names. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { DatasetItem } from '../../dataset/dataset'
import { listHash, openSplit, parts, type Part } from '../../dataset/split'
import { dataFolders, dataOptions, onBadOption, openData } from './data'
import { UserError } from '../../host/errors'
import { type Option, text, texts, type Values } from '../../cli/options'

export const selectOptions: Record<string, Option> = {
  ...dataOptions,
  'group-by': { type: 'string', value: 'RULE', description: 'as given in training' },
  ...onBadOption,
  split: { type: 'string', value: 'PART', default: 'test', description: 'test, val, train or all' },
  'split-file': {
    type: 'string',
    value: 'FILE',
    description: 'a run’s split.json (default: that of the run --adapter lies in)',
  },
}

export interface Selection {
  items: DatasetItem[]
  folders: string[]
  split: Part | 'all'
  splitFile: string | null
  /** Of the whole dataset. */
  hash: string
}

/** Opens what the options name. Bad pairs that are skipped are listed on stderr. */
export async function select(values: Values): Promise<Selection> {
  const folders = dataFolders(values)
  const split = text(values, 'split') as Selection['split']
  if (split !== 'all' && !parts.includes(split))
    throw new UserError(`--split takes test, val, train or all, not "${split}"`)
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
    `which images are the ${split} part is in a training run’s split.json: name it with --split-file, or take --split all`,
  )
}
