/** @file The settings of `wgsam eval`, read from its options. */
import { UserError } from '../../host/errors'
import { DEFAULT_CORRECTIONS } from '../../evaluation/model-segmenter'
import { type RivalKind, rivalKinds } from '../../evaluation/rivals'
import { type PromptMode, promptModes } from '../../evaluation/segmenter'
import { MAX_POINTS } from '../../model/segment-image'
import type { Diameter } from '../../images/diameter'
import { readDiameter } from '../options/diameter'
import { number, text, texts, type Values } from '../../cli/options'
import { checkFigureName } from '../../report/worst-figure'
import { chooseGeneratorOptions, type ChosenOptions } from '../options/generator'

export interface EvalSettings {
  prompts: PromptMode[]
  maxInstances: number | undefined
  /** Clicks that correct each mask, for the prompt mode "corrected". */
  corrections: number
  seed: number
  resamples: number
  /** Pixels. */
  boundaryTolerance: number
  /** Options of the mask generator for the base model and then each adapter; empty without the prompt mode "auto". */
  generators: ChosenOptions[]
  rivals: RivalKind[]
  /** The number of worst particles to show for each model and prompt mode, and the image file to draw them in. */
  worst: number
  worstImage: string | undefined
  diameter: Diameter
}

/** @throws UserError for values that are wrong, or that do not go together */
export async function readSettings(values: Values): Promise<EvalSettings> {
  const prompts = readPromptModes(text(values, 'prompt')!)
  const generators = await readGenerators(values, prompts)
  return {
    prompts,
    maxInstances: number(values, 'instances', { min: 1, integer: true }),
    corrections: readCorrections(values, prompts),
    seed: number(values, 'seed', { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true })!,
    resamples: readResamples(values),
    boundaryTolerance: number(values, 'boundary-tolerance', { min: 0, max: 1000 })!,
    generators,
    diameter: readDiameter(values, generators[0]?.options),
    rivals: readRivals(text(values, 'rivals')!),
    worst: number(values, 'worst', { min: 0, max: 200, integer: true })!,
    worstImage: readFigureName(values),
  }
}

function readCorrections(values: Values, prompts: readonly PromptMode[]): number {
  const typed = number(values, 'corrections', { min: 1, max: MAX_POINTS - 1, integer: true })
  if (typed !== undefined && !prompts.includes('corrected'))
    throw new UserError('--corrections requires --prompt corrected')
  return typed ?? DEFAULT_CORRECTIONS
}

/** 0 is for no intervals; few resamples give wrong ones. */
function readResamples(values: Values): number {
  const resamples = number(values, 'resamples', { min: 0, max: 1_000_000, integer: true })!
  if (resamples > 0 && resamples < 100)
    throw new UserError(`--resamples takes 0 (no intervals) or a whole number from 100 to 1000000, got ${resamples}`)
  return resamples
}

const readPromptModes = (typed: string): PromptMode[] => readList('prompt', typed, promptModes)

function readFigureName(values: Values): string | undefined {
  const path = text(values, 'worst-image')
  if (path !== undefined) checkFigureName(path)
  return path
}

const readRivals = (typed: string): RivalKind[] =>
  typed.trim() === 'none' ? [] : readList('rivals', typed, rivalKinds, ' or none')

/** The words of a comma-separated list, in the order of `known`. @throws UserError for a word that is not known */
function readList<T extends string>(option: string, typed: string, known: readonly T[], more = ''): T[] {
  const given = typed.split(',').map((word) => word.trim())
  const unknown = given.find((word) => !known.includes(word as T))
  if (unknown !== undefined) throw new UserError(`--${option} takes ${known.join(', ')}${more}, not "${unknown}"`)
  return known.filter((word) => given.includes(word))
}

async function readGenerators(values: Values, prompts: readonly PromptMode[]): Promise<EvalSettings['generators']> {
  const adapters = [null, ...texts(values, 'adapter')]
  const models = adapters.length
  const files = texts(values, 'thresholds')
  if (files.length > 1 && files.length !== models)
    throw new UserError(
      `--thresholds is given ${files.length} times for ${models} models: give one for all, or one for the base model and then one for each adapter`,
    )
  if (!prompts.includes('auto')) {
    if (files.length) throw new UserError('--thresholds requires --prompt auto')
    return []
  }
  return Promise.all(
    adapters.map((adapter, i) => {
      const thresholds = files.length > 1 ? files[i] : files[0]
      return chooseGeneratorOptions({ ...values, thresholds }, adapter)
    }),
  )
}
