/** Folders of training runs as training writes them, made without training. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StepRecord, ValidationRecord } from '../../src/tracking/records'
import { checkConfig } from '../../src/training/config'

export const scratch = () => mkdtempSync(join(tmpdir(), 'wgsam-report-'))

export const step = (at: number): StepRecord => ({
  kind: 'step',
  step: at,
  epoch: at / 4,
  loss: 2 / at,
  parts: { dice: 1 / at, bce: 0.5 / at, iou: 0.1 },
  learningRate: 1e-3,
  gradientNorm: 0.7,
  time: { seconds: 3 * at, imagesPerSecond: 0.6 },
})

export function validation(at: number, dice: number): ValidationRecord {
  const measures = { dice, miou: dice - 0.1, accuracy: 0.9, instanceDice: dice - 0.2 }
  return {
    kind: 'validation',
    step: at,
    epoch: at / 4,
    score: dice,
    point: measures,
    box: measures,
    time: { seconds: 3 * at + 1 },
  }
}

export interface Made {
  steps?: number
  name?: string
  over?: object
}

/** Writes the folder of a run of 20 steps of two images, `steps` of them done. */
export function makeRun({ steps = 20, name = 'run', over = {} }: Made = {}): string {
  const root = join(scratch(), name)
  mkdirSync(root)
  const config = checkConfig({ data: ['particles'], batch: 2, epochs: 5, lora: { rank: 4 }, ...over }, 'test')
  const train = Array.from({ length: 8 }, (_, i) => `image-${i}`)
  const split = { version: 1, seed: 0, shares: [0.7, 0.2, 0.1], hash: 'abc', train, val: ['v'], test: ['t'] }
  const records = Array.from({ length: steps }, (_, i) => [
    step(i + 1),
    ...((i + 1) % 8 === 0 || i === 19 ? [validation(i + 1, 0.6 + i / 100)] : []),
  ]).flat()
  writeFileSync(join(root, 'config.json'), JSON.stringify(config))
  writeFileSync(join(root, 'split.json'), JSON.stringify(split))
  writeFileSync(join(root, 'metrics.jsonl'), records.map((record) => JSON.stringify(record) + '\n').join(''))
  return root
}
