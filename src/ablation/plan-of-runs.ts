/** @file What more labelled images would give, for the report of runs that are part of a learning curve. */
import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { UserError } from '../host/errors'
import { planFrom } from './plan'
import { planText } from './plan-report'

/** Images to add, as `wgsam plan` does by default. */
const MORE = [10]

/**
 * The answer of `wgsam plan` as text if the runs are cells of one ablation over several numbers of images; null if they are not,
 * or its cells are not done yet.
 */
export async function planOfRuns(folders: readonly string[]): Promise<string | null> {
  const cells = [...new Set(folders.map((folder) => dirname(resolve(folder))))]
  const ablation = dirname(cells[0])
  if (cells.length > 1 || basename(cells[0]) !== 'cells' || !existsSync(join(ablation, 'ablation.json'))) return null
  try {
    return planText(await planFrom(ablation, MORE))
  } catch (error) {
    // it is another kind of ablation, or too few cells are done
    if (error instanceof UserError) return null
    throw error
  }
}
