/** @file Where the results of a run go, and whose results are there already. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { UserError } from '../../host/errors'
import { holdsLabelMapsOnly } from '../sources'

const MEASURED = 'measured'

/**
 * The folder of the results if none is named: `measured` in a project or dataset; NAME-measured beside a folder of label maps
 * or a file; `measured` in the working folder for several inputs.
 */
export function defaultFolder(paths: readonly string[]): string {
  if (paths.length !== 1) return MEASURED
  const [path] = paths
  if (existsSync(path) && statSync(path).isDirectory() && !holdsLabelMapsOnly(path)) return join(path, MEASURED)
  const whole = resolve(path)
  const name = statSync(path, { throwIfNoEntry: false })?.isDirectory()
    ? basename(whole)
    : basename(whole, extname(whole))
  // as short as what was typed, for the lines on the terminal
  return join(dirname(path) === '.' ? relative('', dirname(whole)) : dirname(path), `${name}-${MEASURED}`)
}

/** The inputs as summary.json keeps them: relative to the folder of the results, with slashes. */
export const inputsFrom = (out: string, paths: readonly string[]): string[] =>
  paths.map((path) => relative(resolve(out), resolve(path)).replaceAll('\\', '/') || '.')

/**
 * The inputs whose results the folder holds; null if it holds none, or those of the same inputs.
 */
function otherResults(out: string, paths: readonly string[]): string[] | null {
  const file = join(out, 'summary.json')
  if (!existsSync(file)) return null
  let inputs: unknown
  try {
    inputs = (JSON.parse(readFileSync(file, 'utf8')) as { inputs?: unknown } | null)?.inputs
  } catch {
    // a damaged file is nobody's result
  }
  if (!Array.isArray(inputs) || !inputs.every((one) => typeof one === 'string')) return null
  const same = inputsFrom(out, paths)
  return inputs.length === same.length && inputs.every((one, i) => one === same[i])
    ? null
    : inputs.map((one: string) => relative('', resolve(out, one)) || '.')
}

/**
 * Checks the folder of the results before anything is measured.
 * @param named whether the user named the folder
 * @returns a line for the user if results of other inputs will be replaced
 * @throws UserError if the folder is a file, or holds the results of other inputs and was not named
 */
export function checkResultFolder(out: string, paths: readonly string[], named: boolean): string | null {
  if (existsSync(out) && !statSync(out).isDirectory())
    throw new UserError(`${named ? `--out ${out}` : out} is a file, not a folder`)
  const others = otherResults(out, paths)
  if (!others) return null
  const whose = others.join(', ')
  if (!named)
    throw new UserError(
      `${out} holds the results of ${whose}: choose another folder with --out, or replace them with --out ${out}`,
    )
  return `${out} held the results of ${whose}: they are replaced`
}
