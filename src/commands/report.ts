/** @file `wgsam report`: what a training run was and gave, as one HTML file; several runs over each other. */
import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { UserError } from '../host/errors'
import { distinctNames } from '../evaluation/adapter-names'
import { writeFileAtomic } from '../host/files'
import { commandLine } from '../host/command-line'
import { page } from '../drawing/html-page'
import { readEvaluation } from '../report/run/evaluation-tables'
import { readRunView } from '../report/run/read-run'
import { readMeasured } from '../report/run/size-distributions'
import { renderRunReport, stateOf } from '../report/run/run-report'
import type { Command } from '../cli/command'
import { text, texts } from '../cli/options'

/** More lines in one chart are not told apart. */
const MOST_RUNS = 10

export const command: Command = {
  name: 'report',
  summary: 'training runs as one HTML page: recipe, data, curves, tables, pictures',
  usage: 'RUN [RUN2 ...] [--eval FILE ...] [--measured DIR] [--out FILE]',
  positionals: [1, MOST_RUNS],
  options: {
    eval: {
      type: 'string',
      value: 'FILE',
      multiple: true,
      description: 'from `wgsam eval --out`; may be given several times (default: RUN/eval.json where there is one)',
    },
    measured: { type: 'string', value: 'DIR', description: 'from `wgsam measure --out`: adds size distributions' },
    out: { type: 'string', value: 'FILE', description: 'default: RUN/report.html; of several runs ./report.html' },
  },
  details: `The file needs no network and nothing beside it. Runs that go on, were ended or are damaged are shown as far as they are.
docs/report.md tells more.

  wgsam report runs/first
  wgsam report runs/r4 runs/r16 --eval eval.json --measured project/measured --out compare.html`,
  async run(values, folders) {
    const paths = folders.map((folder) => resolve(folder))
    const twice = folders.find((_, i) => paths.indexOf(paths[i]) !== i)
    if (twice !== undefined) throw new UserError(`${twice} is given twice`)
    const names = namesOf(paths)
    const runs = await Promise.all(folders.map((folder, i) => readRunView(folder, names[i])))
    const given = texts(values, 'eval')
    const found = folders.map((folder) => join(folder, 'eval.json')).filter((path) => existsSync(path))
    const evaluations = await Promise.all((given.length ? given : found).map(readEvaluation))
    const measured = text(values, 'measured')
    const out = text(values, 'out') ?? join(folders.length > 1 ? '.' : folders[0], 'report.html')
    const report = { runs, evaluations, measured: measured === undefined ? null : await readMeasured(measured) }
    await writeFileAtomic(out, page(renderRunReport({ ...report, command: commandLine() })))
    for (const { name, problems } of runs) for (const problem of problems) console.error(`warning: ${name}: ${problem}`)
    for (const run of runs) console.log(`${run.name}: ${stateOf(run)}`)
    console.log(`report: ${resolve(out)}`)
    return 0
  },
}

/** Folders by their own names, or by so much of their paths as tells them apart. */
function namesOf(paths: readonly string[]): string[] {
  const names = paths.map((path) => basename(path))
  return new Set(names).size === names.length ? names : distinctNames(paths)
}
