/**
 * @file Progress for programs: with WGSAM_PROGRESS=json each report of progress is one line of JSON on stderr, instead of words.
 * `wgsam start` runs its jobs so, and reads the lines. The program that set the variable also holds the other end of stdin:
 * its end means what Ctrl-C means (src/host/interrupt.ts), on every system, and also if that program was killed.
 */
import * as v from 'valibot'

const schema = v.object({
  wgsam: v.literal('progress'),
  /** What is being done, as in the line for people: "generating", "training", a file's name. */
  label: v.string(),
  done: v.number(),
  /** Null if unknown. */
  total: v.nullable(v.number()),
  /** Unit of the counts: 'images', 'steps', 'bytes', or ''. */
  unit: v.string(),
  /** Seconds since this part began. */
  seconds: v.number(),
  /** Estimated seconds until its end; null if there is no estimate yet. */
  secondsLeft: v.nullable(v.number()),
  /** The name of the image in work, the loss, … */
  note: v.string(),
})

export type ProgressLine = v.InferOutput<typeof schema>

/** True if another program reads this process's progress, and stops it by ending its stdin. */
export const isRunByProgram = (env: NodeJS.ProcessEnv = process.env): boolean => env.WGSAM_PROGRESS === 'json'

/** The environment of a process that is to report so. */
export const programEnvironment = (env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv => ({
  ...env,
  WGSAM_PROGRESS: 'json',
})

/** The line, without its end. */
export const progressLine = (progress: Omit<ProgressLine, 'wgsam'>): string =>
  JSON.stringify({ wgsam: 'progress', ...progress })

/** What a line of stderr reports; null if it is another line. */
export function parseProgressLine(line: string): ProgressLine | null {
  if (!line.startsWith('{"wgsam":"progress"')) return null
  try {
    return v.parse(schema, JSON.parse(line))
  } catch {
    return null
  }
}
