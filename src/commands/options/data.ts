/** @file Options that several verbs of `wgsam dataset` share. */
import { type Option, text, texts, type Values } from '../../cli/options'
import { type Dataset, describeBad, openDataset } from '../../dataset/dataset'
import { UserError } from '../../host/errors'
import { Progress } from '../../host/progress'

export const dataOptions: Record<string, Option> = {
  data: {
    type: 'string',
    value: 'DIR',
    multiple: true,
    description: 'a folder of images/ and masks/; may be given several times',
  },
  coco: { type: 'string', value: 'FILE', description: 'COCO annotations of the images, in place of masks/' },
  'group-by': {
    type: 'string',
    value: 'RULE',
    description: 'what belongs together: column:NAME of groups.csv or index.csv, or a regular expression on names',
  },
}

export const onBadOption: Record<string, Option> = {
  'on-bad': {
    type: 'string',
    value: 'WHAT',
    default: 'refuse',
    description: 'refuse or skip pairs that cannot be used',
  },
}

export const jsonOption: Record<string, Option> = {
  json: { type: 'boolean', description: 'print the result as JSON' },
}

/** The folders of --data. @throws UserError where there are none */
export function dataFolders(values: Values): string[] {
  const folders = texts(values, 'data')
  if (!folders.length) throw new UserError('which images? --data DIR names a folder of images/ and masks/')
  return folders
}

/**
 * Opens what --data, --coco, --group-by and --on-bad name. Bad pairs that are skipped are listed on stderr; `minPixels`
 * as in openDataset.
 */
export async function openData(values: Values, minPixels?: number): Promise<Dataset> {
  const folders = dataFolders(values)
  const onBad = text(values, 'on-bad') ?? 'refuse'
  if (onBad !== 'refuse' && onBad !== 'skip') throw new UserError(`--on-bad takes refuse or skip, not "${onBad}"`)
  const reading = new Progress('reading images', undefined)
  const dataset = await openDataset(folders, {
    onBad,
    coco: text(values, 'coco'),
    groupBy: text(values, 'group-by'),
    minPixels,
    onProgress: (done, total) => reading.update(done, '', total),
  })
  if (dataset.bad.length) console.error(`skipped: ${describeBad(dataset.bad, folders.join(', '))}`)
  return dataset
}
