/**
 * @file Finds build products that are loaded by path, such as the worker and the review page. Bundling changes the
 * location of modules, so the folders above this one are searched.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The nearest folder above this module, or a `dist` in one, that contains all of the files; null if there is none. */
export function builtFolder(...files: string[]): string | null {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    for (const folder of [at, join(at, 'dist')])
      if (files.every((file) => existsSync(join(folder, file)))) return folder
    if (at === dirname(at)) return null
  }
}
