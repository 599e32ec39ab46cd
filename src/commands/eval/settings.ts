/** @file The settings of `wgsam eval`, read from its options. */
import { UserError } from '../../host/errors'
import type { Contestant } from '../../evaluation/compare'
import { type PromptMode, promptModes } from '../../evaluation/evaluate'
import { number, text, texts, type Values } from '../../cli/options'
import { generatorOptions } from '../options/generator'

export interface EvalSettings {
  prompts: PromptMode[]
  maxInstances: number | undefined
  seed: number
  resamples: number
  /** Pixels. */
  boundaryTolerance: number
  /** Options of the mask generator for the base model and then each adapter; empty without the prompt mode "auto". */
  generators: Contestant['generator'][]
}

/** @throws UserError for values that are wrong, or that do not go together */
export async function readSettings(values: Values): Promise<EvalSettings> {
  const prompts = readPromptModes(text(values, 'prompt')!)
  return {
    prompts,
    maxInstances: number(values, 'instances', { min: 1, integer: true }),
    seed: number(values, 'seed', { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true })!,
    resamples: number(values, 'resamples', { min: 100, max: 1_000_000, integer: true })!,
    boundaryTolerance: number(values, 'boundary-tolerance', { min: 0, max: 1000 })!,
    generators: await readGenerators(values, prompts),
  }
}

function readPromptModes(typed: string): PromptMode[] {
  const given = typed.split(',').map((word) => word.trim())
  const unknown = given.find((word) => !promptModes.includes(word as PromptMode))
  if (unknown !== undefined) throw new UserError(`--prompt takes ${promptModes.join(', ')}, not "${unknown}"`)
  return promptModes.filter((mode) => given.includes(mode))
}

async function readGenerators(values: Values, prompts: readonly PromptMode[]): Promise<EvalSettings['generators']> {
  const models = 1 + texts(values, 'adapter').length
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
    Array.from({ length: models }, (_, i) => {
      const thresholds = files.length > 1 ? files[i] : files[0]
      return generatorOptions({ ...values, thresholds })
    }),
  )
}
