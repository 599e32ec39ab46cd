/** @file Writes label maps as TIFF files. */
import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import type { LabelMap } from '../../engine/image/label-map'
import { messageOf } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { labelTiff } from './label-tiff'

const compress = promisify(deflate)

/**
 * Writes a label map exactly, under a temporary name that is then renamed.
 * @param options.pixelSize side of a pixel in metres: ImageJ then displays and measures lengths
 * @throws Error if the data do not fit the size
 */
export async function writeLabelTiff(
  path: string,
  labels: LabelMap,
  options: { pixelSize?: number } = {},
): Promise<void> {
  const bytes = await labelTiff(labels, options.pixelSize, compress).catch((error: unknown) => {
    throw new Error(`${path}: ${messageOf(error)}`)
  })
  await writeFileAtomic(path, bytes)
}
