/**
 * @file A part of the images of a command, for one of several processes that share the work: chosen by --part K/N, by the task of a
 * Slurm job array, or by the rank under MPI. All three only set the numbers K and N.
 */
import { UserError } from '../host/errors'

export interface Part {
  /** From 1 to `count`. */
  index: number
  count: number
}

type Environment = Readonly<Record<string, string | undefined>>

/** Largest number of parts. */
const MAX_PARTS = 100_000

/** Reads K/N, e.g. 2/8. @throws UserError if that is no part */
export function parsePart(typed: string): Part {
  const [, index, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(typed.trim()) ?? []
  if (index === undefined)
    throw new UserError(`--part takes K/N, the number of the part and of all, e.g. 2/8, not "${typed}"`)
  const part = { index: Number(index), count: Number(count) }
  if (part.count < 1 || part.count > MAX_PARTS)
    throw new UserError(`--part ${typed}: the number of parts must be from 1 to ${MAX_PARTS}`)
  if (part.index < 1 || part.index > part.count)
    throw new UserError(`--part ${typed}: the parts are numbered from 1 to ${part.count}`)
  return part
}

export const partText = ({ index, count }: Part): string => `${index}/${count}`

/**
 * The part of a task of a Slurm job array; null outside of one. The tasks have to be numbered evenly, as
 * by `--array=0-7` or `--array=10-30:10`, because a task does not know the numbers of the others.
 * @throws UserError if they are not, or the variables contradict one another
 */
export function arrayPart(env: Environment = process.env): Part | null {
  if (env.SLURM_ARRAY_TASK_ID === undefined) return null
  const read = (name: string) => {
    const value = env[name]
    if (!/^\d+$/.test(value ?? ''))
      throw new UserError(
        `${name} is ${value === undefined ? 'not set' : `"${value}"`} in this task of a job array: ${REMEDY}`,
      )
    return Number(value)
  }
  const [id, min, max, count] = ['ID', 'MIN', 'MAX', 'COUNT'].map((name) => read(`SLURM_ARRAY_TASK_${name}`))
  const step = env.SLURM_ARRAY_TASK_STEP === undefined ? 1 : read('SLURM_ARRAY_TASK_STEP')
  const place = (id - min) / step
  if (
    step < 1 ||
    Math.floor((max - min) / step) + 1 !== count ||
    !Number.isInteger(place) ||
    place < 0 ||
    place >= count
  )
    throw new UserError(
      `the ${count} tasks of this job array, from ${min} to ${max}, are not numbered evenly, so that task ${id} cannot know its part: ${REMEDY}`,
    )
  return { index: place + 1, count }
}

const REMEDY = 'say which part it does with --part K/N, e.g. --part $SLURM_ARRAY_TASK_ID/8'

/** The part of rank `rank` of `size` within a part: each rank of each task has a different part. */
export const partOfRank = (part: Part | null, rank: number, size: number): Part | null =>
  size === 1 ? part : { index: ((part?.index ?? 1) - 1) * size + rank + 1, count: (part?.count ?? 1) * size }

/**
 * The items of a part: every N-th, so that a folder in which images become larger or denser is divided evenly. Each item is in exactly
 * one part.
 */
export const itemsOf = <T>(items: readonly T[], part: Part | null): T[] =>
  part ? items.filter((_, i) => i % part.count === part.index - 1) : [...items]

/** Number of the part that has the item at this place. */
export const partWith = (place: number, count: number): number => (place % count) + 1
