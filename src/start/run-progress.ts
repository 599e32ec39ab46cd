/** @file The course of a training run for the home page: the loss, and the scores of the validations. */
import { existsSync } from 'node:fs'
import { bestOf } from '../../engine/finetune/selection'
import { smooth } from '../drawing/chart'
import { readRunView } from '../report/run/read-run'
import { runFolder } from '../training/run-folder'
import type { RunProgress } from './protocol'

/** Points of the curve. */
const POINTS = 200

/** Null before the run has begun. */
export async function runProgress(root: string, name: string): Promise<RunProgress | null> {
  if (!existsSync(runFolder(root).config)) return null
  const { steps, validations, total, seconds, running, split } = await readRunView(root, name)
  const loss = smooth(
    steps.flatMap(({ step, loss }): [number, number][] => (Number.isFinite(loss) ? [[step, loss]] : [])),
  )
  const every = Math.max(1, Math.ceil(loss.length / POINTS))
  return {
    name,
    step: steps.at(-1)?.step ?? 0,
    total,
    loss: loss.filter((_, i) => i % every === 0 || i === loss.length - 1),
    validations: validations.map(({ step, score }) => [step, score]),
    found: validations.flatMap(({ step, head }): [number, number][] => (head === undefined ? [] : [[step, head]])),
    best: bestOf(validations.filter(({ step }) => step > 0))?.score ?? null,
    validationImages: split?.val.length ?? null,
    running,
    seconds,
  }
}
