/** @file Groups of images that a split keeps together: from groups.csv, or from the file names. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, UserError } from '../host/errors'
import { parseCsv } from '../text/csv'
import { decodeText } from '../text/decode-text'
import { stemOf } from './file-stems'

/** Returns the group of an image by its stem (its file name without the extension). */
export type GroupOf = (stem: string) => string

/**
 * How the images of a folder are grouped; a split never divides a group:
 * - `groupBy` 'column:NAME': by that column of groups.csv or index.csv in the folder (the image is named in the column
 *   `name`, or else in the first);
 * - any other `groupBy`: a regular expression that is matched against the stem; its first capture group, or else the whole
 *   match, is the group;
 * - none: by the column `group` of groups.csv or index.csv if it exists, otherwise each image is a separate group.
 * @throws UserError if a file cannot be read, the column is missing, or the expression is invalid
 */
export async function readGroups(folder: string, groupBy?: string): Promise<GroupOf> {
  if (groupBy !== undefined && !groupBy.startsWith('column:')) return byPattern(groupBy)
  const column = groupBy?.slice('column:'.length) ?? 'group'
  for (const file of ['groups.csv', 'index.csv']) {
    const path = join(folder, file)
    if (!existsSync(path)) continue
    let rows: Record<string, string>[]
    try {
      rows = parseCsv(decodeText(await readFile(path)))
    } catch (error) {
      throw new UserError(`cannot read ${path}: ${messageOf(error, path)}`)
    }
    if (!rows.length || !(column in rows[0])) continue
    const name = 'name' in rows[0] ? 'name' : Object.keys(rows[0])[0]
    const oneForm = (text: string) => text.normalize('NFC')
    const exact = new Map(rows.map((row) => [oneForm(row[name]), row[column]]))
    const byStem = new Map(rows.map((row) => [oneForm(stemOf(row[name])), row[column]])) // if the names have extensions
    return (stem) => exact.get(oneForm(stem)) || byStem.get(oneForm(stem)) || stem
  }
  if (groupBy) throw new UserError(`${folder} has no groups.csv or index.csv with the column "${column}"`)
  return (stem) => stem
}

function byPattern(source: string): GroupOf {
  let pattern: RegExp
  try {
    pattern = new RegExp(source)
  } catch (error) {
    throw new UserError(`the grouping ${source} is not a regular expression: ${messageOf(error)}`)
  }
  return (stem) => {
    const match = pattern.exec(stem)
    return (match && (match[1] ?? match[0])) || stem
  }
}
