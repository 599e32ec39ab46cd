/** @file The options that choose labelled images: a dataset, and of it the part that a split file names. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type DatasetItem, describeBad, openDataset } from '../data/dataset'
import { listHash, openSplit, parts, type Part } from '../data/split'
import { UserError } from '../errors'
import { Progress } from '../host/progress'
import { type Option, text, texts, type Values } from './command'

export const selectOptions: Record<string, Option> = {
  data: {
    type: 'string',
    value: 'DIR',
    multiple: true,
    description: 'a folder of images/ and masks/; may be given several times',
  },
  coco: { type: 'string', value: 'FILE', description: 'COCO annotations of the images, in place of masks/' },
  'group-by': { type: 'string', value: 'RULE', description: 'as given in training' },
  'on-bad': {
    type: 'string',
    value: 'WHAT',
    default: 'refuse',
    description: 'refuse or skip pairs that cannot be used',
  },
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
  const folders = texts(values, 'data')
  if (!folders.length) throw new UserError('which images? --data DIR names a folder of images/ and masks/')
  const split = text(values, 'split') as Selection['split']
  if (split !== 'all' && !parts.includes(split))
    throw new UserError(`--split takes test, val, train or all, not "${split}"`)
  const onBad = text(values, 'on-bad')
  if (onBad !== 'refuse' && onBad !== 'skip') throw new UserError(`--on-bad takes refuse or skip, not "${onBad}"`)
  for (const folder of folders) if (!existsSync(folder)) throw new UserError(`there is no folder ${folder}`)
  const splitFile = split === 'all' ? null : findSplit(values, split)
  const reading = new Progress('reading images', undefined)
  const dataset = await openDataset(folders, {
    onBad,
    coco: text(values, 'coco'),
    groupBy: text(values, 'group-by'),
    onProgress: (done, total) => reading.update(done, '', total),
  })
  if (dataset.bad.length) console.error(`skipped: ${describeBad(dataset.bad, folders.join(', '))}`)
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
