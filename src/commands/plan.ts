/** @file `wgsam plan`: what more labelled images would give, from training runs on different numbers of images. */
import { join, resolve } from 'node:path'
import { chartsSvg } from '../ablation/charts'
import { planFrom } from '../ablation/plan'
import { planCharts, planPage, planText } from '../ablation/plan-report'
import type { Command } from '../cli/command'
import { flag, text, type Values } from '../cli/options'
import { commandLine } from '../host/command-line'
import { UserError } from '../host/errors'
import { expectWritable, writeFileAtomic } from '../host/files'

export const command: Command = {
  name: 'plan',
  summary: 'say what more labelled images would give, from a learning curve',
  usage: 'ABLATION [--more 10,20] [options]',
  positionals: [1, 1],
  options: {
    more: {
      type: 'string',
      value: 'LIST',
      default: '10',
      description: 'numbers of images to add to those that were trained on; twice as many is always shown',
    },
    out: { type: 'string', value: 'FILE', description: 'HTML page to write (default: ABLATION/plan.html)' },
    json: { type: 'boolean', description: 'print the curves as JSON' },
  },
  details: `ABLATION is the folder of \`wgsam ablate --images 1,2,5,10 --seeds 0,1,2 ...\`. The curve error = a * images^-b + c is fitted to at
least three numbers of images; several seeds give intervals. A gain that is not more than the deviation between seeds is not worth
the labels. Writes the page and the same curves as .svg beside it. See also docs/ablations.md.

  wgsam ablate --data particles --images 1,2,5,10 --seeds 0,1,2 --out curve
  wgsam plan curve`,
  async run(values, [folder]) {
    const more = readNumbers(values)
    const out = text(values, 'out') ?? join(folder, 'plan.html')
    if (!/\.html?$/i.test(out)) throw new UserError(`--out takes the name of an HTML file, got "${out}"`)
    const plan = await planFrom(folder, more)
    await expectWritable(out)
    await writeFileAtomic(out, planPage(plan, commandLine()))
    await writeFileAtomic(out.replace(/\.html?$/i, '.svg'), chartsSvg(planCharts(plan)))
    console.log(flag(values, 'json') ? JSON.stringify(plan, null, 1) : `${planText(plan)}\n\nreport: ${resolve(out)}`)
    return 0
  },
}

function readNumbers(values: Values): number[] {
  return text(values, 'more')!
    .split(',')
    .map((word) => {
      const value = word.trim() === '' ? NaN : Number(word)
      if (!Number.isInteger(value) || value < 1 || value > 1e6)
        throw new UserError(`--more takes whole numbers from 1 to 1000000, separated by commas, got "${word}"`)
      return value
    })
}
