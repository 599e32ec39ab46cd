/** @file `wgsam report`: the settings and results of one or several training runs as one HTML file. */
import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { planOfRuns } from '../ablation/plan-of-runs'
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

/** More lines in one chart cannot be distinguished. */
const MAX_RUNS = 10

export const command: Command = {
  name: 'report',
  summary: 'show training runs in one HTML page: settings, data, curves, tables, pictures',
  usage: 'RUN [RUN2 ...] [--eval FILE ...] [--measured DIR] [--out FILE]',
  positionals: [1, MAX_RUNS],
  options: {
    eval: {
      type: 'string',
      value: 'FILE',
      multiple: true,
      description:
        'scores written by `wgsam eval --out`; may be given several times (default: RUN/eval.json, if it exists)',
    },
    measured: {
      type: 'string',
      value: 'DIR',
      description: 'folder written by `wgsam measure`, such as project/measured; adds size distributions',
    },
    out: {
      type: 'string',
      value: 'FILE',
      description: 'HTML file to write (default: RUN/report.html; for several runs ./report.html)',
    },
  },
  details: `The file is self-contained and works offline. Unfinished, interrupted and damaged runs are shown as far as they can be
read. Of runs of \`wgsam ablate --images\` the report also says what more labelled images would give, as \`wgsam plan\` does.
See also docs/report.md.

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
    const report = {
      ...{ runs, evaluations, measured: measured === undefined ? null : await readMeasured(measured) },
      plan: await planOfRuns(folders),
    }
    await writeFileAtomic(out, page(renderRunReport({ ...report, command: commandLine() })))
    for (const { name, problems } of runs) for (const problem of problems) console.error(`warning: ${name}: ${problem}`)
    for (const run of runs) console.log(`${run.name}: ${stateOf(run)}`)
    console.log(`report: ${resolve(out)}`)
    return 0
  },
}

/** The folders' own names; if two are the same, as much of their paths as is needed to tell them apart. */
function namesOf(paths: readonly string[]): string[] {
  const names = paths.map((path) => basename(path))
  return new Set(names).size === names.length ? names : distinctNames(paths)
}
