/** @file Comparing the folder that parts have written with that of one process. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Texts without what depends on the speed of the machine. */
export const timeless = (text: string) =>
  text.replace(/"(seconds|encode|masks|whole)": ?[\d.e-]+,?/g, '').replace(/[\d.]+ (ms|s)\b/g, '')

/** The files of a folder with their content, but for those of parts; times are removed. */
export function filesOf(dir: string): Record<string, string> {
  const names = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
  return Object.fromEntries(
    names
      .filter((name) => !name.startsWith('parts'))
      .sort()
      .map((name) => {
        const bytes = readFileSync(join(dir, name))
        return [name, /json$|html$/.test(name) ? timeless(bytes.toString()) : bytes.toString('base64')]
      }),
  )
}
