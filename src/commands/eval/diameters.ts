/** @file The particles' diameter of each evaluated image, in pixels. */
import { dirname } from 'node:path'
import type { ScaleSettings } from '../../../engine/scale/scale-settings'
import type { DatasetItem } from '../../dataset/dataset'
import { stemOf } from '../../dataset/file-stems'
import type { DiameterOf } from '../../evaluation/model-contestants'
import { type Diameter, diameterInPixels } from '../../images/diameter'
import { readMicrograph } from '../../images/micrograph'
import { readPixelSizes } from '../../measure/sources/pixel-size-column'

/**
 * A diameter in pixels of each image. Lengths need the size of a pixel: from the column pixel_size of groups.csv or index.csv,
 * else from the image file.
 * @throws UserError naming the first image of which it is not known
 */
export async function diametersOf(diameter: Diameter, items: readonly DatasetItem[]): Promise<DiameterOf> {
  if (typeof diameter === 'string') return () => diameter
  if ('pixels' in diameter) return () => diameter.pixels
  const byId = new Map<string, ScaleSettings['diameter']>()
  const columns = new Map<string, (stem: string) => Awaited<ReturnType<typeof readMicrograph>>['pixelSize']>()
  for (const { id, imagePath } of items) {
    const folder = dirname(dirname(imagePath))
    let column = columns.get(folder)
    if (!column) columns.set(folder, (column = await readPixelSizes(folder)))
    const pixelSize = column(stemOf(imagePath)) ?? (await readMicrograph(imagePath, { crop: 'none' })).pixelSize
    byId.set(id, diameterInPixels(diameter, { name: id, pixelSize }, 'a column pixel_size in groups.csv'))
  }
  return ({ id }) => byId.get(id)!
}
