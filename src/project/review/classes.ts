/** @file classes.json: the classes of a project's masks, with their colours, in the order of their keys. */
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { messageOf, UserError } from '../../host/errors'
import { writeFileAtomic } from '../../host/files'
import { checkValue } from '../../text/check-value'
import { projectFile } from '../project'
import { classNameSchema } from './log-schema'

/** @throws by valibot if two classes have the same name */
export const classesSchema = v.pipe(
  v.array(
    v.object({
      name: classNameSchema,
      /** As #rrggbb. */
      colour: v.pipe(v.string(), v.regex(/^#[0-9a-f]{6}$/i, 'a colour as #rrggbb')),
    }),
  ),
  v.maxLength(200),
  v.check(
    (classes) => new Set(classes.map(({ name }) => name)).size === classes.length,
    'classes with different names',
  ),
)
export type MaskClass = v.InferOutput<typeof classesSchema>[number]

const fileSchema = v.object({ version: v.literal(1), classes: classesSchema })

/** @throws UserError naming the file if it is damaged */
export async function readClasses(dir: string): Promise<MaskClass[]> {
  const path = projectFile.classes(dir)
  try {
    return checkValue(fileSchema, JSON.parse(await readFile(path, 'utf8'))).classes
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new UserError(`cannot use ${path}: ${messageOf(error)}`)
  }
}

export const writeClasses = (dir: string, classes: readonly MaskClass[]): Promise<void> =>
  writeFileAtomic(projectFile.classes(dir), JSON.stringify({ version: 1, classes }, null, 1) + '\n')
