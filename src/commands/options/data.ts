/** @file The options that name a dataset, and the opening of it. */
import { choice, type Option, text, texts, type Values } from '../../cli/options'
import { type Dataset, describeBad, describeRemarks, openDataset } from '../../dataset/dataset'
import { UserError } from '../../host/errors'
import { Progress } from '../../host/progress'

export const dataOptions: Record<string, Option> = {
  data: {
    type: 'string',
    value: 'DIR',
    multiple: true,
    description: 'a folder with images/ and masks/; may be given several times',
  },
  coco: { type: 'string', value: 'FILE', description: 'COCO annotations of the images, used in place of masks/' },
  'group-by': {
    type: 'string',
    value: 'RULE',
    description:
      'grouping rule; images of one group stay together. column:NAME of groups.csv or index.csv, or a regular expression ' +
      'applied to the file names (default: the column "group", if there is one)',
  },
}

export const onBadOption: Record<string, Option> = {
  'on-bad': {
    type: 'string',
    value: 'ACTION',
    default: 'refuse',
    description: 'what to do about image and label pairs that cannot be used: refuse to start, or skip them',
  },
}

export const jsonOption: Record<string, Option> = {
  json: { type: 'boolean', description: 'print the result as JSON' },
}

/** The folders given with --data. @throws UserError if there are none */
export function dataFolders(values: Values): string[] {
  const folders = texts(values, 'data')
  if (!folders.length) throw new UserError('which images? Name a folder with images/ and masks/ by --data DIR')
  return folders
}

/**
 * Opens the dataset given by --data, --coco, --group-by and --on-bad, and lists on stderr the pairs that were skipped.
 * @param minPixels smallest usable instance, as in openDataset
 * @throws UserError for wrong options, or for unusable pairs with --on-bad refuse
 */
export async function openData(values: Values, minPixels?: number): Promise<Dataset> {
  const folders = dataFolders(values)
  const onBad = choice(values, 'on-bad', ['refuse', 'skip'])
  const reading = new Progress('reading images', undefined)
  const dataset = await openDataset(folders, {
    onBad,
    coco: text(values, 'coco'),
    groupBy: text(values, 'group-by'),
    minPixels,
    onProgress: (done, total) => reading.update(done, '', total),
  })
  if (dataset.bad.length) console.error(`skipped: ${describeBad(dataset.bad, folders.join(', '))}`)
  if (dataset.remarks.length) console.error(describeRemarks(dataset.remarks))
  return dataset
}
