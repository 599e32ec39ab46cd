/**
 * @file Dividing the images of a command among several processes: the options --part and --merge, the tasks of a Slurm job array or of
 * srun, and the ranks under MPI. A part leaves a result for each of its images; the last step merges them and writes what one process
 * would have written.
 */
import { type Option, flag, text, type Values } from '../../cli/options'
import { shellQuote } from '../../host/command-line'
import { UserError } from '../../host/errors'
import { logLine } from '../../host/progress'
import type { Communicator } from '../../mpi/communicator'
import { tasksWithoutMpi } from '../../mpi/launch'
import { arrayPart, type Part, parsePart, partOfRank, partText } from '../../parts/part'
import { PartRecords, type Settings } from '../../parts/part-records'
import { withRanks } from '../with-ranks'

export const partOptions: Record<string, Option> = {
  part: {
    type: 'string',
    value: 'K/N',
    description:
      'do only part K of N of the images, e.g. 2/8, in one of several processes that share the folder (docs/cluster.md); a task of a ' +
      'Slurm job array does its part without it, and all images with --part all',
  },
  merge: {
    type: 'boolean',
    description:
      'the last step after all parts: write the results that need all images; given with the options of the parts',
  },
}

/** What this call of a command does. */
export interface Work {
  /** Null: all images. */
  part: Part | null
  /** Only the results of the parts are merged: no image is processed. */
  merging: boolean
  /** The results of parts; null if the work is not divided. */
  records: PartRecords | null
}

export interface Division {
  /** Of the command, e.g. "dataset augment". */
  name: string
  /** Whether parts need a GPU. */
  usesGpu: boolean
  /** Where the results of the parts are kept. @throws UserError if an option is missing that names it */
  folder: () => string
  /** Names of options that the results of the images do not depend on. */
  lastOptions: readonly string[]
  /** Other things that they depend on. */
  settings?: () => Promise<Settings>
}

const NO_DIVISION: Work = { part: null, merging: false, records: null }

/**
 * Runs a command for all images, for a part of them, or to merge. Under MPI every rank does its part, and rank 0 merges.
 * @param run returns the exit code
 */
export async function runDivided(
  values: Values,
  positionals: readonly string[],
  division: Division,
  run: (work: Work) => Promise<number>,
): Promise<number> {
  const merging = flag(values, 'merge')
  if (merging && text(values, 'part') !== undefined)
    throw new UserError('--part and --merge exclude each other: --merge is the last step, after all parts')
  return withRanks(division.usesGpu && !merging, async (ranks) => {
    const part = merging ? null : choosePart(values, ranks)
    if (!part && !merging) return ranks.rank ? 0 : run(NO_DIVISION)
    const own = Object.entries(values).filter(([name]) => ![...KEPT_OUT, ...division.lastOptions].includes(name))
    const settings = {
      command: division.name,
      ...(positionals.length && { arguments: [...positionals] }),
      ...Object.fromEntries(own.map(([name, value]) => [`--${name}`, value])),
      ...(await division.settings?.()),
    }
    const records = new PartRecords(division.folder(), settings)
    const merge = async () => {
      if (records.merged) {
        console.log(`the results of the parts are merged already: ${division.folder()}`)
        return 0
      }
      const code = await run({ part: null, merging: true, records })
      await records.finish()
      return code
    }
    if (merging) return ranks.rank ? 0 : merge()
    const code = await run({ part, merging: false, records })
    if (ranks.size === 1 || divides(values)) {
      const line = code === 130 ? 'the same command continues it' : `after all parts: ${withoutPart()} --merge`
      if (!ranks.rank) console.log(`part ${partText(part!)} ${code === 130 ? 'stopped' : 'done'}; ${line}`)
      return code
    }
    // images that failed are among the results, and rank 0 says so when it merges
    const codes = (await ranks.agree([code])).flat()
    if (codes.includes(130)) {
      if (!ranks.rank) console.error('stopped: the same command continues')
      return ranks.rank ? 0 : 130
    }
    return ranks.rank ? 0 : merge()
  })
}

/** Begins a part. @param facts what the merging needs and only this process knows, such as the GPU */
export async function beginPart(records: PartRecords, part: Part, facts: unknown): Promise<void> {
  const earlier = await records.begin(part, facts)
  if (earlier.length)
    logLine(
      `earlier parts were ${earlier.join(' and ')}, now they are ${part.count}: finished images are not done again`,
    )
}

/** Options that no result of an image depends on, in every command. */
const KEPT_OUT = ['part', 'merge', 'json', 'help']

/** True if the ranks of this job do only a part of the images: others have to be waited for before the results are merged. */
const divides = (values: Values) => {
  const given = text(values, 'part')
  return given !== undefined ? given !== 'all' : arrayPart() !== null
}

function choosePart(values: Values, { rank, size }: Communicator): Part | null {
  const given = text(values, 'part')
  if (given === 'all') return size > 1 ? partOfRank(null, rank, size) : null
  const array = given === undefined ? arrayPart() : null
  const whole = given === undefined ? array : parsePart(given)
  // tasks of srun that cannot talk with one another divide the work all the same
  const tasks = given === undefined && size === 1 ? tasksWithoutMpi() : 1
  const part = partOfRank(whole, tasks > 1 ? Number(process.env.SLURM_PROCID) : rank, Math.max(size, tasks))
  if (given === undefined && part && size === 1) {
    const task =
      tasks > 1 ? `task ${process.env.SLURM_PROCID} of srun` : `task ${process.env.SLURM_ARRAY_TASK_ID} of a job array`
    logLine(`part ${partText(part)} of the images: this is ${task} (--part all: every image)`)
  } else if (size > 1 && !rank) logLine(`the images are divided among ${size} ranks`)
  return part
}

/** This process's command line without --part and --merge, as one process would do all of it. */
export function withoutPart(argv: readonly string[] = process.argv.slice(2)): string {
  const words = argv.filter(
    (word, i) => word !== '--merge' && word !== '--part' && !word.startsWith('--part=') && argv[i - 1] !== '--part',
  )
  return ['wgsam', ...words.map((word) => shellQuote(word))].join(' ')
}
