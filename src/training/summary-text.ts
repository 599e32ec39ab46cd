/** @file The end of a training run as text for the terminal. */
import { join } from 'node:path'
import { commandText, evalCommand, generateCommand, resumeCommand } from '../cli/next-command'
import { duration } from '../host/progress'
import { beginningOf, type TrainConfig } from './config'
import type { TrainSummary } from './train'

/** The end of a run as text: what was reached, where the adapter is, and what to type next. */
export function describeTraining(summary: TrainSummary, config: TrainConfig): string {
  const { run, finished, early, base, steps, totalSteps, loss, best, from, seconds, advice } = summary
  const lines = [
    `${finished ? 'trained' : 'stopped after'} ${steps} of ${totalSteps} steps in ${duration(seconds)}` +
      (finished && early ? ', ended early by its validations or its time limit' : '') +
      (loss === null ? '' : `, loss ${loss.toFixed(4)}`),
  ]
  if (best?.step === 0 && from !== null)
    lines.push(
      `no validation after a step was better than the adapter that the run began with (mean Dice ${(100 * best.score).toFixed(2)} %): it is the best`,
    )
  else if (best)
    lines.push(
      `best: epoch ${best.epoch.toFixed(1)}, mean Dice ${(100 * best.score).toFixed(2)} % on the validation images` +
        (base === null ? '' : `, ${(100 * base).toFixed(2)} % with ${beginningOf({ from })}`) +
        (best.head === undefined
          ? ''
          : `; the prompt head finds particles with an F1 of ${(100 * best.head).toFixed(2)} %`),
    )
  lines.push(`adapter: ${join(run, best ? 'best' : 'last')}`)
  lines.push(...advice)
  if (!finished) lines.push(`resume with: ${commandText(resumeCommand(run))}`)
  else
    lines.push(
      ...nextCommands(summary, config).map((command, i) => `${i ? 'or:   ' : 'next: '}${commandText(command)}`),
    )
  return lines.join('\n')
}

/** What to do with a finished run's adapter: measure it, if images were kept for that, and use it. */
function nextCommands({ run, best, images }: TrainSummary, config: TrainConfig): string[][] {
  const { data, coco, groupBy, modelConfig } = config
  const adapter = join(run, best ? 'best' : 'last')
  const report = join(run, 'evaluation.html')
  const evaluate = evalCommand({ data, coco, groupBy, modelConfig, adapter, report })
  const use = generateCommand({ images: ['IMAGES'], out: 'project', modelConfig, adapter })
  return images.test ? [evaluate, use] : [use]
}
