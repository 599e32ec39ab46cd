/** @file Writes the files of a dataset: images/, masks/ and groups.csv. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type LabelMap, MAX_LABEL } from '../../engine/image/label-map'
import { writePng } from '../images/png-writer'
import { grayOfRgb } from '../images/rgb8'
import type { Sample } from '../../engine/image/sample'
import { UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { exactCsvLine } from '../text/csv'

/** Renumbers labels 1, 2, … without gaps, in the order of the old ones. `count` is their number. */
export function relabel(data: Uint16Array): { data: Uint16Array; count: number } {
  const used = new Uint8Array(MAX_LABEL + 1)
  for (const id of data) used[id] = 1
  const next = new Uint16Array(MAX_LABEL + 1)
  let count = 0
  for (let id = 1; id <= MAX_LABEL; id++) if (used[id]) next[id] = ++count
  return { data: data.map((id) => next[id]), count }
}

/** Writes an image as an 8-bit PNG, with one channel if it is gray. */
export async function writePicture(path: string, { width, height, rgb }: Sample): Promise<void> {
  let gray = true
  for (let i = 0; i < rgb.length && gray; i += 3) gray = rgb[i] === rgb[i + 1] && rgb[i] === rgb[i + 2]
  if (!gray) return writePng(path, { width, height, channels: 3, data: rgb })
  return writePng(path, { width, height, channels: 1, data: grayOfRgb(rgb) })
}

/** Writes a label map as a 16-bit PNG. */
export const writeLabels = (path: string, { width, height, data }: LabelMap): Promise<void> =>
  writePng(path, { width, height, channels: 1, data })

/** @throws UserError if a folder contains a dataset already, so that no files of the user are mixed with new ones */
export function refuseDataset(out: string): void {
  for (const name of ['images', 'masks'])
    if (existsSync(join(out, name)))
      throw new UserError(`${join(out, name)} exists already: choose another --out, or remove it`)
}

/** Writes groups.csv: one row per image, first its name and group, then the other columns. */
export const writeGroups = (out: string, columns: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  writeFileAtomic(join(out, 'groups.csv'), [columns, ...rows].map(exactCsvLine).join(''))
