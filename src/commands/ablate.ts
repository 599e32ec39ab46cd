/** @file `wgsam ablate`: trains one configuration at every point of a grid of settings, and compares the results. */
import { MAX_LABEL } from '../../engine/image/label-map'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ablate, secondsLeft, splitFile, survey } from '../ablation/ablate'
import { type AblationCell, cellsOf, checkGrid, type Grid } from '../ablation/grid'
import { parseSetting } from '../ablation/settings'
import { cellsOfTable, describeCell, type CellOutcome, rowsOf, terminalTable } from '../ablation/ablation-table'
import { UserError } from '../host/errors'
import { commandLine } from '../host/command-line'
import { openEngine } from '../host/gpu'
import { interruption } from '../host/interrupt'
import { duration, logLine } from '../host/progress'
import { checkConfig, mergeConfig, type RawConfig, readConfigFile } from '../training/config'
import { configFromFlags, configOptions, nameFlags } from './options/training'
import { fetchOption } from './options/model'
import { locateModel } from '../weights/locate-model'
import { runFolder } from '../training/run-folder'
import type { Command } from '../cli/command'
import { choice, flag, number, type Option, text, texts, type Values } from '../cli/options'

/** Options of `wgsam train` that the axes of the grid replace. */
const AXES = ['kind', 'rank', 'alpha', 'rslora', 'lr', 'targets', 'seed', 'images']
/** Not for cells, whose rank and layers differ from those of any adapter. */
const EXCLUDED = ['from']

const axisOptions: Record<string, Option> = {
  grid: {
    type: 'string',
    value: 'FILE',
    description: 'JSON file with one grid, { "rank": [4, 16], … }, or several; command-line flags override it',
  },
  rank: { type: 'string', value: 'LIST', description: 'ranks of the adapter, e.g. 4,16,64' },
  lr: { type: 'string', value: 'LIST', description: 'learning rates, e.g. 1e-4,1e-3' },
  'alpha-scale': {
    type: 'string',
    value: 'LIST',
    description:
      'scales of the adapter: X is the scale itself, X/r the scale X / rank, X/sqrt the scale X / sqrt(rank)',
  },
  targets: {
    type: 'string',
    value: 'SETS',
    multiple: true,
    description: 'sets of adapted layers, e.g. "q,v|q,k,v,proj"; may be given several times',
  },
  where: { type: 'string', value: 'LIST', description: 'where the targets are: encoder, decoder or both' },
  kind: {
    type: 'string',
    value: 'LIST',
    description: 'kinds of adaptation: lora, or full, which trains the full weight matrices of the targets',
  },
  images: {
    type: 'string',
    value: 'LIST',
    description: 'numbers of training images, e.g. 1,2,5,10,all, chosen by the seed: a learning curve for wgsam plan',
  },
  set: {
    type: 'string',
    value: 'KEY=LIST',
    multiple: true,
    description:
      'values of any other key of the configuration, e.g. loss.boundary=0,1 or synthetic=0,0.25; may be given several times',
  },
  seeds: {
    type: 'string',
    value: 'LIST',
    description: 'random seeds, e.g. 0,1,2; the table shows the mean and the standard deviation over them',
  },
}

export const command: Command = {
  name: 'ablate',
  summary: 'train one configuration at every point of a grid of settings, and compare the results',
  usage: '--data DIR --out DIR [--rank 4,16,64] [--lr 1e-4,1e-3] [options]',
  options: {
    ...axisOptions,
    ...Object.fromEntries(Object.entries(configOptions).filter(([name]) => ![...AXES, ...EXCLUDED].includes(name))),
    config: {
      type: 'string',
      value: 'FILE',
      description: 'JSON configuration of `wgsam train`; command-line flags override it',
    },
    out: {
      type: 'string',
      value: 'DIR',
      description: 'folder of the cells and tables; the same command again continues an interrupted ablation',
    },
    part: {
      type: 'string',
      value: 'PART',
      default: 'test',
      description: 'part of the split to evaluate cells on: test or val',
    },
    'eval-images': { type: 'string', value: 'N', description: 'evaluate on at most N images (default: all)' },
    instances: { type: 'string', value: 'N', description: 'evaluate at most N instances per image (default: all)' },
    ...fetchOption,
    'dry-run': {
      type: 'boolean',
      description: 'only list the cells with their number of parameters, their state and the estimated time left',
    },
    json: { type: 'boolean', description: 'print the cells as JSON' },
  },
  details: `A cell is one point of the grid, trained as by \`wgsam train\` in OUT/cells/NAME. Finished cells are skipped, an
interrupted one is resumed. The results are in OUT/ablation.md, .csv, .json and .svg, and report.html. See also
docs/ablations.md.

  wgsam ablate --data particles --max-steps 100 --rank 4,16,64 --lr 1e-3,3e-3 --kind lora,full --out ablation`,
  async run(values) {
    const out = text(values, 'out')
    if (!out) throw new UserError('wgsam ablate needs --out DIR')
    const part = choice(values, 'part', ['test', 'val'])!
    if (existsSync(runFolder(out).metrics))
      throw new UserError(`${out} is the folder of a training run: choose another --out for the ablation`)
    const images = number(values, 'eval-images', { min: 1, integer: true }) ?? null
    const instances = number(values, 'instances', { min: 1, max: MAX_LABEL, integer: true }) ?? null
    const { recipe, cells } = await planCells(values, out)
    if (flag(values, 'dry-run')) {
      const outcomes = await survey(out, cells)
      console.log(flag(values, 'json') ? JSON.stringify(outcomes.map(brief), null, 1) : list(outcomes))
      return 0
    }
    await locateModel(recipe.model, flag(values, 'fetch'))
    const interrupt = interruption()
    try {
      const engine = await openEngine({ precision: recipe.matmulPrecision })
      const result = await ablate(engine, {
        out,
        cells,
        recipe,
        part,
        images,
        instances,
        command: commandLine(),
        stop: () => interrupt.requested,
        log: logLine,
      })
      engine.destroy()
      const { outcomes, rivals, finished } = result
      if (flag(values, 'json')) console.log(JSON.stringify({ rivals, cells: outcomes.map(brief) }, null, 1))
      else {
        console.log(terminalTable(cellsOfTable(rowsOf(outcomes), rivals)))
        console.log(`\n${finished ? '' : 'stopped; the same command continues\n'}report: ${join(out, 'report.html')}`)
      }
      return finished ? 0 : 130
    } finally {
      interrupt.dispose()
    }
  },
}

/** The configuration that all cells share, and the cells. @throws UserError for wrong options or files */
async function planCells(values: Values, out: string) {
  const file = text(values, 'config')
  const from = file ?? 'wgsam ablate'
  // the flags of axes set a list, not a value of the configuration
  const flags = Object.fromEntries(Object.entries(values).filter(([name]) => !AXES.includes(name)))
  const raw = mergeConfig(file === undefined ? {} : await readConfigFile(file), configFromFlags(flags))
  if (raw.data === undefined) throw new UserError('wgsam ablate needs --data DIR (or "data" in the --config file)')
  if ((raw.from ?? null) !== null)
    throw new UserError(`${from}: the cells of an ablation begin with new adapters: leave out "from"`)
  try {
    const grids = await readGrids(values)
    const [{ seeds }] = grids
    const recipe = checkConfig({ ...raw, ...(seeds && { seed: seeds[0] }) }, from)
    const cells = new Map<string, AblationCell>()
    for (const grid of grids) for (const cell of cellsOf(grid, raw, splitFile(out), from)) cells.set(cell.name, cell)
    return { recipe, cells: [...cells.values()] }
  } catch (error) {
    if (error instanceof UserError) error.message = nameFlags(error.message, flags)
    throw error
  }
}

/** The grids of --grid, or a single empty one, with the axes given as flags set in each. */
async function readGrids(values: Values): Promise<Grid[]> {
  const file = text(values, 'grid')
  const words = (name: string) =>
    text(values, name)
      ?.split(',')
      .map((word) => word.trim())
  const numberOf = (name: string, word: string) => {
    const value = word === '' ? NaN : Number(word)
    if (!Number.isFinite(value)) throw new UserError(`--${name} takes comma-separated numbers, got "${word}"`)
    return value
  }
  const numbers = (name: string) => words(name)?.map((word) => numberOf(name, word))
  const sets = texts(values, 'targets').flatMap((typed) => typed.split('|'))
  const typed: RawConfig = {
    kind: words('kind'),
    rank: numbers('rank'),
    alphaScale: words('alpha-scale'),
    lr: numbers('lr'),
    targets: sets.length ? sets.map((set) => set.split(',').map((word) => word.trim())) : undefined,
    where: words('where'),
    seeds: numbers('seeds'),
    images: words('images')?.map((word) => (word === 'all' ? null : numberOf('images', word))),
  }
  const set = texts(values, 'set')
  if (set.length) typed.set = Object.fromEntries(set.map(parseSetting))
  const given = Object.fromEntries(Object.entries(typed).filter(([, value]) => value !== undefined))
  const { grids, ...shared } = file === undefined ? {} : await readConfigFile(file)
  if (grids !== undefined && (!Array.isArray(grids) || !grids.length || grids.some((one) => typeof one !== 'object')))
    throw new UserError(`${file}: grids must be a list of at least one grid { … }`)
  const all = (grids as RawConfig[] | undefined) ?? [{}]
  return all.map((one) => checkGrid({ ...shared, ...one, ...given }, file ?? 'the grid'))
}

const brief = ({ cell: { config: _, ...axes }, count, result, failure }: CellOutcome) => ({
  ...axes,
  ...count,
  result,
  failure,
})

function list(outcomes: readonly CellOutcome[]): string {
  const rows = outcomes.map(({ cell, count, result }) => [
    cell.name,
    describeCell(cell),
    String(count.parameters),
    result ? `done in ${duration(result.wallSeconds)}` : 'to do',
    count.dense ? `past break-even in ${count.dense} of ${count.all} matrices` : '',
  ])
  const left = outcomes.filter(({ result }) => !result).length
  const seconds = secondsLeft(outcomes)
  const time = seconds === null ? 'the time can be estimated after the first' : `about ${duration(seconds)}`
  return `${terminalTable([['cell', 'adapter', 'parameters', 'state', 'note'], ...rows])}\n\n${left} of ${outcomes.length} to do; ${time}`
}
