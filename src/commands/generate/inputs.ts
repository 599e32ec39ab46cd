/** @file Which images `wgsam generate` and `wgsam generate tune` read, and how: files and folders, or a labelled dataset. */
import { loadItem } from '../../dataset/dataset'
import { type MicrographOptions, parsePixelSize } from '../../images/micrograph'
import { UserError } from '../../host/errors'
import type { FolderOptions } from '../../generate/generate-folder'
import { everyPage, listInputs } from '../../project/input-images'
import { text, texts, type Values } from '../../cli/options'
import { selectImages } from '../options/split'

/**
 * The images of --data with their labels; without --data, the files and folders named in `paths`.
 * @throws UserError if no images are named, or both ways of naming them are used
 */
export async function chooseInputs(values: Values, paths: readonly string[]): Promise<FolderOptions['inputs']> {
  if (!texts(values, 'data').length) {
    if (!paths.length) throw new UserError('no images given: name files or folders, or labelled images with --data DIR')
    const inputs = await listInputs(paths)
    return text(values, 'page') === 'all' ? everyPage(inputs) : inputs
  }
  if (paths.length) throw new UserError('--data names the images: leave out the files and folders')
  const { items } = await selectImages(values)
  return items.map((item) => ({
    path: item.imagePath,
    name: item.id.replaceAll('/', '-'),
    truth: async () => {
      const { width, height, labels } = await loadItem(item)
      return { width, height, data: labels }
    },
  }))
}

/**
 * What --crop-bottom, --page and --pixel-size say. The info bar of labelled images is never cut off, unless
 * --crop-bottom gives a number of rows: their labels cover the whole image.
 * @throws UserError for a malformed value
 */
export function readingOptions(values: Values): MicrographOptions {
  const labelled = texts(values, 'data').length > 0
  const typed = text(values, 'crop-bottom') ?? 'auto'
  const crop = typed === 'auto' ? (labelled ? 'none' : 'auto') : typed === 'none' ? typed : Number(typed)
  if (typeof crop === 'number' && !(Number.isInteger(crop) && crop >= 0))
    throw new UserError(`--crop-bottom takes a number of rows, auto or none, not "${typed}"`)
  const pages = text(values, 'page') ?? '1'
  const page = pages === 'all' ? 1 : Number(pages)
  if (!(Number.isInteger(page) && page >= 1))
    throw new UserError(`--page takes a whole number from 1, or all, not "${pages}"`)
  const pixelSize = text(values, 'pixel-size')
  return { crop, page: page - 1, ...(pixelSize !== undefined && { pixelSize: parsePixelSize(pixelSize) }) }
}
