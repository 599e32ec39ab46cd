/** @file Where the build has put what the program loads by path: bundling moves modules, so it is searched for upwards. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The nearest folder above this module, or `dist` in one, that holds all of the files; null where none does. */
export function builtFolder(...files: string[]): string | null {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    for (const folder of [at, join(at, 'dist')])
      if (files.every((file) => existsSync(join(folder, file)))) return folder
    if (at === dirname(at)) return null
  }
}
