/**
 * @file pixel-sizes.json: pixel sizes that a person measured on the scale bar. They win over what files record, and are read
 * wherever a project's images are, so that the review page, `wgsam measure` and the exported dataset agree.
 */
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { messageOf, UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { plausible } from '../images/microscope/pixel-size'
import { checkValue } from '../text/check-value'
import { type ImageInfo, imageInfoSchema } from './file-schemas'
import { projectFile } from './project'

const sizeSchema = v.pipe(
  v.unwrap(imageInfoSchema.entries.pixelSize),
  v.check(({ metres }) => plausible(metres), 'a pixel size between 1 pm and 1 mm'),
)
export type MeasuredPixelSize = v.InferOutput<typeof sizeSchema>

const fileSchema = v.object({ version: v.literal(1), images: v.record(v.string(), sizeSchema) })

export type PixelSizes = ReadonlyMap<string, MeasuredPixelSize>

/** The measured pixel sizes by image name. @throws UserError naming the file if it is damaged */
export async function readMeasuredPixelSizes(dir: string): Promise<PixelSizes> {
  const path = projectFile.pixelSizes(dir)
  try {
    return new Map(Object.entries(checkValue(fileSchema, JSON.parse(await readFile(path, 'utf8'))).images))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw new UserError(`cannot use ${path}: ${messageOf(error)}`)
  }
}

/** Sets the pixel size of these images; null forgets it, so that what the file records holds again. */
export async function measurePixelSizes(
  dir: string,
  names: readonly string[],
  size: MeasuredPixelSize | null,
): Promise<PixelSizes> {
  const sizes = new Map(await readMeasuredPixelSizes(dir))
  for (const name of names)
    if (size) sizes.set(name, size)
    else sizes.delete(name)
  const images = Object.fromEntries(sizes)
  await writeFileAtomic(projectFile.pixelSizes(dir), JSON.stringify({ version: 1, images }, null, 1) + '\n')
  return sizes
}

/** What is known of an image, with the measured pixel size if there is one. */
export function withMeasured(info: ImageInfo, sizes: PixelSizes): ImageInfo {
  const pixelSize = sizes.get(info.name)
  return pixelSize ? { ...info, pixelSize } : info
}
