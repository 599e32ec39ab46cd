/** @file The mask generator's options on the command line: those of Meta's segment-anything in kebab case, then wgsam's own. */
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { scoreThresholdsOf } from '../../../engine/generate/filter'
import {
  checkGeneratorOptions,
  defaultGeneratorOptions,
  type GeneratorOptions,
  outputModes,
  promptsUsed,
  referenceThresholds,
} from '../../../engine/generate/generator-options'
import { DEFAULT_MODEL } from '../../cli/next-command'
import { flag, number, type Option, text, type Values } from '../../cli/options'
import { messageOf, UserError } from '../../host/errors'
import { describeThresholds, thresholdText } from '../../evaluation/tuned-thresholds'
import { filterOptionNames } from '../../project/refilter'
import type { StoredCalibration } from '../../weights/adapter-profile'
import { scoreThresholdEntries } from '../../weights/adapter-profile-format'
import { knownAdapter, knownModel, type KnownModel } from '../../weights/known-model'
import { finiteNumber } from '../../text/check-value'

type Kind = 'number' | 'switch' | 'list' | 'text'
type Name = keyof GeneratorOptions
type TableRow = [name: Name, kind: Kind, value: string, description: string]

const REFILTER: readonly Name[] = [...filterOptionNames, 'maskThreshold', 'stabilityScoreOffset']

/** Every option with its description, in the order of the help. The default is appended to the description. */
const table: TableRow[] = [
  [
    'prompts',
    'text',
    'ORIGIN',
    'grid: a grid of points; learned: a point and a box for each particle that the prompt head of the adapter sees; ' +
      'auto: learned if there is a prompt head and no other points are given, else grid',
  ],
  ['pointsPerSide', 'number', 'N', 'prompt the model with a grid of N x N points'],
  ['pointsPerBatch', 'number', 'N', 'maximum number of prompts per pass of the decoder; affects speed and memory only'],
  ['predIouThresh', 'number', '0-1', 'keep masks whose predicted IoU is higher'],
  [
    'stabilityScoreThresh',
    'number',
    '0-1',
    'keep masks with at least this stability score: the IoU of the mask at a raised and at a lowered threshold',
  ],
  [
    'stabilityScoreOffset',
    'number',
    'LOGITS',
    'how far the threshold is raised and lowered to compute the stability score',
  ],
  ['maskThreshold', 'number', 'LOGIT', 'a pixel belongs to the mask if its logit is above this'],
  [
    'boxNmsThresh',
    'number',
    '0-1',
    'of two masks whose bounding boxes have a higher IoU, keep the better one; 1 turns it off',
  ],
  [
    'cropNLayers',
    'number',
    'N',
    'layers of crops to search besides the whole image: 4 crops in layer 1, 16 in layer 2, …',
  ],
  [
    'cropNmsThresh',
    'number',
    '0-1',
    'of two masks from different crops whose bounding boxes have a higher IoU, keep the one of the smaller crop; ' +
      'with --reference only',
  ],
  [
    'cropOverlapRatio',
    'number',
    '0-1',
    'overlap of the crops of layer 1, as a fraction of the short side of the image',
  ],
  ['cropNPointsDownscaleFactor', 'number', 'F', 'divide N of --points-per-side by F in each further layer of crops'],
  [
    'pointGrids',
    'text',
    'FILE',
    'JSON file with explicit points in place of the grid: for each layer a list of [x, y], 0 to 1 of the crop',
  ],
  [
    'minMaskRegionArea',
    'number',
    'PIXELS',
    'fill smaller holes and drop smaller islands of each mask; with --reference only. It does not drop small masks: ' +
      'see --min-area',
  ],
  ['outputMode', 'text', 'MODE', `mask encoding of --reference records: ${outputModes.join(', ')}`],
  ['minArea', 'number', 'PIXELS', 'drop smaller masks'],
  [
    'maxArea',
    'number',
    '0-1',
    'drop masks that cover more than this fraction of the image, such as background and agglomerates',
  ],
  ['dropFrames', 'switch', '', 'keep masks that touch three or four edges of the image'],
  ['maskNmsThresh', 'number', '0-1', 'of two masks with a higher IoU, keep the better one; 1 turns it off'],
  [
    'containmentThresh',
    'number',
    '0-1',
    'drop one of two masks if more than this fraction of the smaller one is inside the larger one; 1 turns it off',
  ],
  [
    'relativeScoreThresh',
    'number',
    '0-1',
    'of the masks that all other filters keep, keep those whose score (predicted IoU times stability) is at least this fraction of ' +
      'the best of the image; 0 turns it off. The thresholds of an adapter have their own',
  ],
  ['fillHoles', 'number', 'PIXELS', 'fill smaller holes of each mask'],
  ['dropIslands', 'number', 'PIXELS', 'drop smaller disconnected parts of each mask'],
  ['pointScales', 'list', 'N,N…', 'additional grids of N x N points, for small particles'],
  [
    'refinePoints',
    'number',
    'N',
    'prompt a second time with up to N points in the areas that no mask covers; with --prompts grid only',
  ],
  [
    'tileSize',
    'number',
    'PIXELS',
    'cut large images into tiles of this side, each seen at the model’s full input size; 0 processes the image whole',
  ],
  [
    'tileHalo',
    'number',
    'PIXELS',
    'overlap of tiles on every side; should be at least the size of the largest particle',
  ],
  [
    'floorPredIou',
    'number',
    '0-1',
    'also save masks down to this predicted IoU as candidates, so that refilter can lower --pred-iou-thresh',
  ],
  [
    'floorStability',
    'number',
    '0-1',
    'also save masks down to this stability score as candidates, so that refilter can lower --stability-score-thresh',
  ],
]

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const flagOf = (name: Name, kind: Kind) => (kind === 'switch' ? kebab(name).replace('drop', 'keep') : kebab(name))

function optionOf([name, kind, value, description]: TableRow, defaultText: string): [string, Option] {
  const about = description + defaultText
  return [
    flagOf(name, kind),
    kind === 'switch' ? { type: 'boolean', description: about } : { type: 'string', value, description: about },
  ]
}

function defaultText([name, kind]: TableRow): string {
  if (kind === 'switch') return ' (default: dropped)'
  const preset = defaultGeneratorOptions[name]
  if (typeof preset === 'number') return ` (default ${Number(preset.toFixed(4))})`
  return name === 'outputMode' || name === 'prompts' ? ` (default ${preset})` : ''
}

/** The option table of all generator options. */
export const generatorFlags: Record<string, Option> = Object.fromEntries(
  table.map((row) => optionOf(row, defaultText(row))),
)

/** The option table of `wgsam generate refilter`: what can be changed without the model. Nothing has a default there. */
export const refilterFlags: Record<string, Option> = Object.fromEntries(
  table.filter(([name]) => REFILTER.includes(name)).map((row) => optionOf(row, '')),
)

/** The options given as flags. @throws UserError naming the option */
async function readFlags(values: Values): Promise<Partial<GeneratorOptions>> {
  const given: Record<string, unknown> = {}
  for (const [name, kind] of table) {
    const option = flagOf(name, kind)
    if (kind === 'switch') {
      if (flag(values, option)) given[name] = false
    } else if (kind === 'number') given[name] = number(values, option)
    else if (kind === 'list') given[name] = text(values, option)?.split(',').map(Number)
    else if (name === 'pointGrids') given[name] = await readGrids(text(values, option))
    else given[name] = text(values, option)
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

async function readGrids(path: string | undefined): Promise<unknown> {
  if (path === undefined) return undefined
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new UserError(`cannot read --point-grids ${path}: ${messageOf(error, path)}`)
  }
}

const Tuned = v.object({
  thresholds: v.object({ ...scoreThresholdEntries, minArea: v.pipe(finiteNumber, v.minValue(0)) }),
})

/** The value of --thresholds that stands for the thresholds of Meta's segment-anything. */
const REFERENCE = 'reference'

export const thresholdsOption: Option = {
  type: 'string',
  value: 'FILE',
  description:
    'thresholds file written by `wgsam generate tune`, or the word reference for those of Meta’s segment-anything; without it ' +
    'the thresholds stored with the adapter are used. Command-line flags override each of them',
}

/** The thresholds in a file that `wgsam generate tune` wrote. @throws UserError if it cannot be read or lacks them */
async function readThresholds(path: string | undefined): Promise<Partial<GeneratorOptions>> {
  if (path === undefined) return {}
  if (path === REFERENCE) return referenceThresholds
  let file: unknown
  try {
    file = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new UserError(`cannot read --thresholds ${path}: ${messageOf(error, path)}`)
  }
  const parsed = v.safeParse(Tuned, file)
  if (!parsed.success) throw new UserError(`${path} is not what \`wgsam generate tune\` writes: it lacks thresholds`)
  return parsed.output.thresholds
}

/**
 * The options given as flags or in the file of --thresholds; flags override the file. Not yet checked for their bounds.
 * @throws UserError naming the option
 */
export const givenOptions = async (values: Values): Promise<Partial<GeneratorOptions>> => ({
  ...(await readThresholds(text(values, 'thresholds'))),
  ...(await readFlags(values)),
})

/**
 * All options, checked. In increasing precedence: the defaults, `base`, --thresholds, flags.
 * @throws UserError naming the option
 */
export async function generatorOptions(
  values: Values,
  base: Partial<GeneratorOptions> = {},
): Promise<GeneratorOptions> {
  const given = { ...base, ...(await givenOptions(values)) }
  try {
    return checkGeneratorOptions(given)
  } catch (error) {
    // the engine's message has its own names of the options; replace them by the flags
    const message = table.reduce(
      (line, [name, kind]) => line.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `--${flagOf(name, kind)}`),
      messageOf(error),
    )
    throw new UserError(message)
  }
}

/** What is known of the chosen model with an adapter (null: without). */
const knownOf = (values: Values, adapter: string | null): Promise<KnownModel> =>
  adapter === null ? knownModel(text(values, 'model') ?? DEFAULT_MODEL) : knownAdapter(adapter)

export interface ChosenOptions {
  options: GeneratorOptions
  /** Where the thresholds come from, and what they are. */
  thresholds: string
  /** What a predicted IoU means; undefined if it is not known. */
  calibration: StoredCalibration | undefined
}

/**
 * All options for a model with an adapter (null: without): like generatorOptions, but the thresholds stored with the adapter, or in a
 * merged model, take the place of the defaults, unless --thresholds is given, or --reference, which has the reference's defaults.
 * What is stored for prompts of one kind, grid or learned, is not used for the other.
 * @throws UserError naming the option, or if what is stored is damaged
 */
export async function chooseGeneratorOptions(values: Values, adapter: string | null): Promise<ChosenOptions> {
  const file = text(values, 'thresholds')
  const reference = flag(values, 'reference')
  const known = await knownOf(values, adapter)
  const profile = reference ? {} : known.profile
  const kind = promptsUsed(await generatorOptions(values), known.promptHead)
  const suits = !profile.thresholds || profile.thresholds.prompts === kind
  const calibration = suits ? profile.calibration : undefined
  const stored = suits && file === undefined ? profile.thresholds : undefined
  const options = await generatorOptions(values, reference ? referenceThresholds : stored && scoreThresholdsOf(stored))
  const given = Object.keys(scoreThresholdsOf(options))
    .map(kebab)
    .filter((name) => values[name] !== undefined)
  const origin = () => {
    if (given.length) return `${thresholdText(options)} (${given.map((name) => `--${name}`).join(', ')})`
    if (stored) return describeThresholds(stored)
    if (reference || file === REFERENCE) return `${thresholdText(options)} (those of Meta’s segment-anything)`
    if (file !== undefined) return `${thresholdText(options)} (${file})`
    const why = suits
      ? ''
      : `; those of the ${adapter === null ? 'model' : 'adapter'} are for prompts ${profile.thresholds!.prompts}`
    return `${thresholdText(options)} (the defaults${why})`
  }
  return { options, thresholds: origin(), calibration }
}
