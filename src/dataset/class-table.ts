/** @file classes.csv of a dataset: the class of each label, where instances are of several classes. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, UserError } from '../host/errors'
import { csvLine, parseCsv } from '../text/csv'

export interface ClassRow {
  /** The image's name, without extension. */
  name: string
  /** Its label in the label map. */
  label: number
  className: string
}

export class ClassTable {
  private readonly byLabel = new Map<string, string>()
  /** All classes, in the order of the table. */
  readonly names: string[]

  constructor(rows: readonly ClassRow[]) {
    for (const { name, label, className } of rows) this.byLabel.set(JSON.stringify([name, label]), className)
    this.names = [...new Set(this.byLabel.values())]
  }

  /** The class of a label; undefined if the table has none. */
  of(name: string, label: number): string | undefined {
    return this.byLabel.get(JSON.stringify([name, label]))
  }
}

/** A dataset's classes; empty without classes.csv. @throws UserError naming the file if it is damaged */
export async function readClassTable(folder: string): Promise<ClassTable> {
  const path = join(folder, 'classes.csv')
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return new ClassTable([])
  try {
    const rows = parseCsv(text).map(({ name, label, class: className }): ClassRow => ({
      name,
      label: Number(label),
      className,
    }))
    if (rows.some(({ name, label, className }) => !name || !className || !Number.isInteger(label)))
      throw new Error('its columns are name, label and class')
    return new ClassTable(rows)
  } catch (error) {
    throw new UserError(`cannot read ${path}: ${messageOf(error)}`)
  }
}

export const classTableText = (rows: readonly ClassRow[]): string =>
  ['name,label,class\n', ...rows.map(({ name, label, className }) => csvLine([name, label, className]))].join('')
