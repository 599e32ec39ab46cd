import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, UserError } from '../host/errors'
import { parseCsv } from '../text/csv'
import { stemOf } from './file-stems'

/** The group of an image by its stem (its file name without the extension). */
export type GroupOf = (stem: string) => string

/**
 * How the images of a folder are grouped, for a split that never parts a group:
 * - `groupBy` 'column:NAME': that column of groups.csv or index.csv in the folder (the image in column `name` or the
 * first);
 * - any other `groupBy`: a regular expression on the stem; its first bracket, else the whole match, is the group;
 * - nothing given: the column `group` of groups.csv or index.csv where there is one, else each image is its own
 * group.
 */
export async function readGroups(folder: string, groupBy?: string): Promise<GroupOf> {
  if (groupBy !== undefined && !groupBy.startsWith('column:')) return byPattern(groupBy)
  const column = groupBy?.slice('column:'.length) ?? 'group'
  for (const file of ['groups.csv', 'index.csv']) {
    const path = join(folder, file)
    if (!existsSync(path)) continue
    let rows: Record<string, string>[]
    try {
      rows = parseCsv(await readFile(path, 'utf8'))
    } catch (error) {
      throw new UserError(`cannot read ${path}: ${messageOf(error)}`)
    }
    if (!rows.length || !(column in rows[0])) continue
    const name = 'name' in rows[0] ? 'name' : Object.keys(rows[0])[0]
    const exact = new Map(rows.map((row) => [row[name], row[column]]))
    const byStem = new Map(rows.map((row) => [stemOf(row[name]), row[column]])) // where the names have extensions
    return (stem) => exact.get(stem) || byStem.get(stem) || stem
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
