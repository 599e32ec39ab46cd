/** @file Checks values that came out of files by a schema, and says in plain words what is wrong with them. */
import * as v from 'valibot'

/** A number that is finite: JSON has no infinity, but 1e999 is read as one. */
export const finiteNumber = v.pipe(v.number(), v.finite())

/** A value for a message: short, however large or deeply nested it is. */
export function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60))
  if (Array.isArray(value)) return isShortList(value) ? JSON.stringify(value) : 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** True for a few numbers, such as a shape: these are shown themselves. */
const isShortList = (list: readonly unknown[]) =>
  list.length <= 8 && list.every((entry) => typeof entry === 'number' && Number.isFinite(entry))

/** The value, checked and with defaults filled in. @throws Error naming the first field that does not match the schema */
export function checkValue<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  throw new Error(problemOf(result.issues[0]))
}

/** What is wrong with a value: "records.3.area is "x", not a number". */
export function problemOf(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? 'its content'
  if (issue.type === 'strict_object' && issue.expected === 'never') return `${path} is not known`
  if (issue.received === 'undefined') return `${path} is missing`
  const wanted = wantedBy(issue)
  return wanted
    ? `${path} is ${shown(issue.input)}, not ${wanted}`
    : `${path} is ${shown(issue.input)}, which is not allowed`
}

/** Lines of a message at most, and characters of a line. */
const MAX_LINES = 20
const MAX_LINE = 200

/** Indented lines of a message, each on one thing that is wrong: the first ones, and how many more there are. */
export function problemLines(lines: readonly string[]): string {
  const more = lines.length > MAX_LINES ? [`… and ${lines.length - MAX_LINES} more`] : []
  return [...lines.slice(0, MAX_LINES).map((line) => line.slice(0, MAX_LINE)), ...more]
    .map((line) => `  ${line}`)
    .join('\n')
}

/** Types as schemas name them, in words. */
const types: Record<string, string> = {
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  Array: 'a list',
  Object: 'an object',
  null: 'null',
}

/** Steps of a schema that a value must pass after its type was right, in words. */
const conditions: Record<string, (requirement: unknown, input: unknown) => string> = {
  integer: () => 'a whole number',
  finite: () => 'a finite number',
  min_value: (least) => `a number from ${least}`,
  max_value: (most) => `a number up to ${most}`,
  gt_value: (below) => `a number above ${below}`,
  lt_value: (above) => `a number below ${above}`,
  min_length: (least, input) => ofLength(input, 'at least', Number(least)),
  max_length: (most, input) => ofLength(input, 'at most', Number(most)),
}

function ofLength(input: unknown, bound: string, length: number): string {
  const [what, one, many] =
    typeof input === 'string' ? ['text', 'character', 'characters'] : ['list', 'entry', 'entries']
  return `a ${what} of ${bound} ${length} ${length === 1 ? one : many}`
}

/** What was wanted, in words; '' if there are none for it. */
export function wantedBy({ type, kind, expected, message, requirement, input }: v.BaseIssue<unknown>): string {
  // the schema's author wrote a message, which says what was wanted
  if (!/^Invalid [a-z ]+: /.test(message)) return message
  if (kind === 'validation') return conditions[type]?.(requirement, input) ?? ''
  const any = (expected ?? '')
    .replace(/^\((.*)\)$/, '$1')
    .split(' | ')
    .map((name) => types[name] ?? name)
  return any.length > 1 ? `${any.slice(0, -1).join(', ')} or ${any.at(-1)}` : any[0]
}
