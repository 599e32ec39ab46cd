/** @file Groups of images that a split keeps together: from groups.csv, or from the file names. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, UserError } from '../host/errors'
import { shown } from '../text/check-value'
import { parseCsv } from '../text/csv'
import { decodeText } from '../text/decode-text'
import { stemOf } from './file-stems'

/** Returns the group of an image by its stem (its file name without the extension). */
export interface GroupOf {
  (stem: string): string
  /** The table that groups the images, and whether it has a row for one; missing if no table does. */
  table?: { path: string; has(stem: string): boolean }
}

/** What the columns that name images and groups may be called, whatever their case. */
const NAMES = ['name', 'filename', 'file_name', 'file', 'image', 'image_name', 'id', 'stem']
/** Columns that groups.csv may have without any that groups. */
const OTHERS = [...NAMES, 'pixel_size']

/**
 * How the images of a folder are grouped; a split never divides a group:
 * - `groupBy` 'column:NAME': by that column of groups.csv or index.csv in the folder (the image is named in the column
 *   `name`, `file`, `image` or the like, or else in the first other one);
 * - any other `groupBy`: a regular expression that is matched against the stem; its first capture group, or else the whole
 *   match, is the group;
 * - none: by the column `group` of groups.csv or index.csv if it exists, otherwise each image is a separate group.
 * @throws UserError if a file cannot be read, has no such column or two groups for an image, or the expression is invalid
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
    const columns = Object.keys(rows[0] ?? {})
    const of = columnCalled(columns, column)
    if (of === undefined) {
      // a file of this name is there to group the images
      const others = columns.filter((name) => !OTHERS.includes(name.trim().toLowerCase()))
      if (file === 'groups.csv' && !groupBy && (others.length || !rows.length))
        throw new UserError(
          rows.length
            ? `${path} has no column "group", only ${columns.slice(0, 20).map(shown).join(', ')}: name the column with --group-by column:NAME`
            : `${path} has no rows: fill it in, or remove it`,
        )
      continue
    }
    const name = imageColumn(columns, of)
    if (name === undefined) throw new UserError(`${path} has no column with the names of images`)
    return byTable(
      path,
      rows.map((row) => [row[name], row[of]]),
    )
  }
  if (groupBy) throw new UserError(`${folder} has no groups.csv or index.csv with the column "${column}"`)
  return (stem) => stem
}

/** The column of a table that has this name, whatever its case. */
export const columnCalled = (columns: readonly string[], wanted: string): string | undefined =>
  columns.find((name) => name === wanted) ?? columns.find((name) => name.trim().toLowerCase() === wanted.toLowerCase())

/** The column that names the images: it is called `name`, `file` or the like, or is the first one beside `other`. */
export const imageColumn = (columns: readonly string[], other: string): string | undefined =>
  NAMES.map((name) => columnCalled(columns, name)).find((known) => known !== undefined && known !== other) ??
  columns.find((name) => name !== other)

/**
 * Finds the value of an image in rows of an image's name, with or without its extension and folder, and a value.
 * @throws UserError if an image has two values @param what names the values
 */
export function byImage(path: string, rows: readonly (readonly [string, string])[], what: string) {
  const keys = [
    (name: string) => name.normalize('NFC'),
    (name: string) => stemOf(name).normalize('NFC'),
    (name: string) => stemOf(name).normalize('NFC').toLowerCase(),
  ]
  const tables = keys.map((key) => new Map(rows.map(([name, value]) => [key(name), value])))
  for (const [name, value] of rows)
    if (tables[0].get(keys[0](name)) !== value)
      throw new UserError(
        `${path} has two ${what} for ${shown(name)}: ${shown(value)} and ${shown(tables[0].get(keys[0](name)))}`,
      )
  return (stem: string): string | undefined => {
    const forms = [stem.normalize('NFC'), stem.normalize('NFC'), stem.normalize('NFC').toLowerCase()]
    return tables.map((table, i) => table.get(forms[i])).find((value) => value !== undefined)
  }
}

function byTable(path: string, rows: readonly (readonly [string, string])[]): GroupOf {
  const find = byImage(path, rows, 'groups')
  return Object.assign((stem: string) => find(stem) || stem, {
    table: { path, has: (stem: string) => find(stem) !== undefined },
  })
}

/**
 * Which images have no row in the table that groups them; '' if all have, or if no table does.
 * @throws UserError if none has: its names must be wrong
 */
export function ungrouped(names: readonly string[], { table }: GroupOf): string {
  const without = table ? names.filter((name) => !table.has(name)) : []
  if (!without.length) return ''
  const named = without.slice(0, 3).join(', ') + (without.length > 3 ? ', …' : '')
  if (without.length === names.length)
    throw new UserError(
      `${table!.path} names none of the ${names.length} images (${named}): write their file names into it, or group by --group-by`,
    )
  return `it has no row for ${without.length} of ${names.length} images (${named}): each of them is a separate group`
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
