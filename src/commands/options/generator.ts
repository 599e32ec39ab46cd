/** @file The generator's options on the command line: the reference's names in kebab case, then ours. */
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import {
  checkGeneratorOptions,
  defaultGeneratorOptions,
  type GeneratorOptions,
  outputModes,
} from '../../../engine/generate/generator-options'
import { flag, number, type Option, text, type Values } from '../../cli/options'
import { messageOf, UserError } from '../../host/errors'
import { filterOptionNames } from '../../project/refilter'

type Kind = 'number' | 'switch' | 'list' | 'text'
type Name = keyof GeneratorOptions

const preset = defaultGeneratorOptions

/** What each option means, in the order of the help. */
const table: [name: Name, kind: Kind, value: string, description: string][] = [
  ['pointsPerSide', 'number', 'N', 'prompts: a grid of N x N points'],
  ['pointsPerBatch', 'number', 'N', 'prompts a pass of the decoder: speed and memory only'],
  ['predIouThresh', 'number', '0-1', 'keep masks whose predicted IoU is higher'],
  ['stabilityScoreThresh', 'number', '0-1', 'keep masks that change less when their threshold moves'],
  ['stabilityScoreOffset', 'number', 'LOGITS', 'by how much it is moved'],
  ['maskThreshold', 'number', 'LOGIT', 'pixels above this belong to the mask'],
  ['boxNmsThresh', 'number', '0-1', 'of two boxes with a higher IoU the better stays; 1 is off'],
  ['cropNLayers', 'number', 'N', 'layers of crops that are searched as well: 4, 16 … of them'],
  [
    'cropNmsThresh',
    'number',
    '0-1',
    'of boxes from two crops with a higher IoU the smaller crop’s stays (--reference)',
  ],
  ['cropOverlapRatio', 'number', '0-1', 'how far crops overlap, of the short side'],
  ['cropNPointsDownscaleFactor', 'number', 'F', 'the grid is this much coarser in each layer of crops'],
  ['pointGrids', 'text', 'FILE', 'JSON: a list of [x, y] from 0 to 1 for each layer, in place of the grid'],
  ['minMaskRegionArea', 'number', 'PIXELS', 'fill smaller holes, drop smaller islands (--reference; drops no masks)'],
  ['outputMode', 'text', 'MODE', `form of --reference records: ${outputModes.join(', ')}`],
  ['minArea', 'number', 'PIXELS', 'drop smaller masks'],
  ['maxArea', 'number', '0-1', 'drop masks of more than this share of the image: background, agglomerates'],
  ['dropFrames', 'switch', '', 'keep masks that reach three or four edges of the image'],
  ['maskNmsThresh', 'number', '0-1', 'of two masks with a higher IoU the better stays; 1 is off'],
  [
    'containmentThresh',
    'number',
    '0-1',
    'of two masks that share more of the smaller one a single one stays; 1 is off',
  ],
  ['fillHoles', 'number', 'PIXELS', 'fill smaller holes'],
  ['dropIslands', 'number', 'PIXELS', 'drop smaller loose parts of a mask'],
  ['pointScales', 'list', 'N,N…', 'further grids, denser where particles are small'],
  ['refinePoints', 'number', 'N', 'up to N points more, in the middle of what no mask covers'],
  ['tileSize', 'number', 'PIXELS', 'cut large images into tiles of this side, each at the model’s full input size'],
  ['tileHalo', 'number', 'PIXELS', 'overlap of tiles on every side: the largest particle’s size'],
  ['floorPredIou', 'number', '0-1', 'what is kept for filtering again: the least predicted IoU'],
  ['floorStability', 'number', '0-1', 'and the least stability'],
]

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const flagOf = (name: Name, kind: Kind) => (kind === 'switch' ? kebab(name).replace('drop', 'keep') : kebab(name))

/** The command's options for the generator. */
export const generatorFlags: Record<string, Option> = Object.fromEntries(
  table.map(([name, kind, value, description]) => {
    const standard = preset[name]
    const shown = kind === 'number' ? ` (${Number((standard as number).toFixed(4))})` : ''
    const option: Option =
      kind === 'switch' ? { type: 'boolean', description } : { type: 'string', value, description: description + shown }
    return [flagOf(name, kind), option]
  }),
)

/** Those that filter again without the model. */
export const filterFlags: Record<string, Option> = Object.fromEntries(
  table
    .filter(([name]) => (filterOptionNames as readonly Name[]).includes(name))
    .map(([name, kind]) => [flagOf(name, kind), generatorFlags[flagOf(name, kind)]]),
)

/** What was typed, and nothing else. @throws UserError naming the option */
async function readFlags(values: Values): Promise<Partial<GeneratorOptions>> {
  const given: Record<string, unknown> = {}
  for (const [name, kind] of table) {
    const typed = flagOf(name, kind)
    if (kind === 'switch') {
      if (flag(values, typed)) given[name] = false
    } else if (kind === 'number') given[name] = number(values, typed)
    else if (kind === 'list') given[name] = text(values, typed)?.split(',').map(Number)
    else if (name === 'pointGrids') given[name] = await readGrids(text(values, typed))
    else given[name] = text(values, typed)
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

async function readGrids(path: string | undefined): Promise<unknown> {
  if (path === undefined) return undefined
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new UserError(`cannot read --point-grids ${path}: ${messageOf(error)}`)
  }
}

const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
const Tuned = v.object({
  thresholds: v.object({
    predIouThresh: share,
    stabilityScoreThresh: share,
    minArea: v.pipe(v.number(), v.minValue(0)),
  }),
})

/** The thresholds that `wgsam generate tune` has written down. */
async function readThresholds(path: string | undefined): Promise<Partial<GeneratorOptions>> {
  if (path === undefined) return {}
  let file: unknown
  try {
    file = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new UserError(`cannot read --thresholds ${path}: ${messageOf(error)}`)
  }
  const parsed = v.safeParse(Tuned, file)
  if (!parsed.success) throw new UserError(`${path} is not what \`wgsam generate tune\` writes: it lacks thresholds`)
  return parsed.output.thresholds
}

/** What was typed or stands in --thresholds, and nothing else; not yet checked. @throws UserError naming the option */
export const givenOptions = async (values: Values): Promise<Partial<GeneratorOptions>> => ({
  ...(await readThresholds(text(values, 'thresholds'))),
  ...(await readFlags(values)),
})

/** All options: the defaults, then `base`, then --thresholds, then what was typed. @throws UserError naming the option */
export async function generatorOptions(
  values: Values,
  base: Partial<GeneratorOptions> = {},
): Promise<GeneratorOptions> {
  const given = { ...base, ...(await givenOptions(values)) }
  try {
    return checkGeneratorOptions(given)
  } catch (error) {
    // the engine names its options, a person typed flags
    const message = messageOf(error)
    const named = table.reduce(
      (line, [name, kind]) => line.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `--${flagOf(name, kind)}`),
      message,
    )
    throw new UserError(named)
  }
}
