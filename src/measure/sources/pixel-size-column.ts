/** @file Pixel sizes from a folder's table: the column pixel_size of groups.csv or index.csv. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseCsv } from '../../text/csv'
import { decodeText } from '../../text/decode-text'
import { stemOf } from '../../dataset/file-stems'
import { parsePixelSize, type PixelSize } from '../../images/microscope/pixel-size'
import { messageOf, UserError } from '../../host/errors'

/** Pixel sizes by image name. @throws UserError naming the file and the row whose value is not a pixel size */
export async function readPixelSizes(folder: string): Promise<(stem: string) => PixelSize | null> {
  const sizes = new Map<string, PixelSize>()
  for (const file of ['groups.csv', 'index.csv']) {
    const path = join(folder, file)
    if (!existsSync(path)) continue
    let rows: Record<string, string>[]
    try {
      rows = parseCsv(decodeText(await readFile(path)))
    } catch (error) {
      throw new UserError(`cannot read ${path}: ${messageOf(error, path)}`)
    }
    if (!rows.length || !('pixel_size' in rows[0])) continue
    const key = 'name' in rows[0] ? 'name' : Object.keys(rows[0])[0]
    for (const row of rows)
      if (row.pixel_size) {
        const { metres } = parsePixelSize(row.pixel_size, `${path}, ${row[key]}: pixel_size`)
        sizes.set(row[key], { metres, from: file }).set(stemOf(row[key]), { metres, from: file })
      }
    break
  }
  return (stem) => sizes.get(stem) ?? null
}
