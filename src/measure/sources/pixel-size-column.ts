/** @file Pixel sizes from a folder's table: the column pixel_size of groups.csv or index.csv. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseCsv } from '../../text/csv'
import { decodeText } from '../../text/decode-text'
import { byImage, columnCalled, imageColumn } from '../../dataset/groups'
import { parsePixelSize, type PixelSize } from '../../images/microscope/pixel-size'
import { messageOf, UserError } from '../../host/errors'

/** Finds the pixel size of an image by its name. @throws UserError naming the file and the row whose value is not a pixel size */
export async function readPixelSizes(folder: string): Promise<(stem: string) => PixelSize | null> {
  for (const file of ['groups.csv', 'index.csv']) {
    const path = join(folder, file)
    if (!existsSync(path)) continue
    let rows: Record<string, string>[]
    try {
      rows = parseCsv(decodeText(await readFile(path)))
    } catch (error) {
      throw new UserError(`cannot read ${path}: ${messageOf(error, path)}`)
    }
    const columns = Object.keys(rows[0] ?? {})
    const sizes = columnCalled(columns, 'pixel_size')
    if (sizes === undefined) continue
    const key = imageColumn(columns, sizes)
    if (key === undefined) throw new UserError(`${path} has no column with the names of images`)
    const given = rows.filter((row) => row[sizes])
    const parsed = new Map<string, PixelSize>()
    for (const row of given) {
      const { metres } = parsePixelSize(row[sizes], `${path}, ${row[key]}: pixel_size`)
      parsed.set(row[sizes], { metres, from: file })
    }
    const find = byImage(
      path,
      given.map((row) => [row[key], row[sizes]]),
      'pixel sizes',
    )
    return (stem) => parsed.get(find(stem) ?? '') ?? null
  }
  return () => null
}
