/** @file `wgsam dataset split`: assigns images to training, validation and test. */
import { join } from 'node:path'
import type { Command } from '../../cli/command'
import { flag, number, text } from '../../cli/options'
import { UserError } from '../../host/errors'
import { Progress } from '../../host/progress'
import { splitDataset, type SplitResult } from '../../dataset/checked-split'
import { dataOptions, jsonOption, onBadOption, openData } from '../options/data'
import { textTable } from '../../text/table'

export const command: Command = {
  name: 'dataset split',
  summary: 'assign whole groups of images to train, val and test, and look for duplicates between them',
  usage: '--data DIR [--shares 70,20,10] [--seed N] [--group-by RULE] [--out FILE]',
  options: {
    ...dataOptions,
    ...onBadOption,
    shares: { type: 'string', value: 'A,B,C', description: 'relative sizes of train, val and test (default 70,20,10)' },
    seed: { type: 'string', value: 'N', description: 'random seed; the same seed creates the same split (default 0)' },
    out: {
      type: 'string',
      value: 'FILE',
      description: 'split file to write (default: split.json in the folder of --data)',
    },
    ...jsonOption,
  },
  details: `Split before augmenting: \`wgsam dataset augment --split-file\` then augments only the training part. Images with identical
pixels, also rotated or mirrored, must not be in two parts: it is an error, and nothing is written. Images of two parts that
look nearly identical are listed. An existing split file is checked and kept.

  wgsam dataset split --data particles --group-by '^[^-]+'
  wgsam train --data particles --group-by '^[^-]+' --split particles/split.json ...`,
  async run(values) {
    const typed = text(values, 'shares')
    const shares = typed === undefined ? undefined : readShares(typed)
    const seed = number(values, 'seed', { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true })
    const dataset = await openData(values)
    const out = text(values, 'out')
    if (!out && dataset.folders.length > 1) throw new UserError('a split of several folders needs --out FILE')
    const path = out ?? join(dataset.folders[0], 'split.json')
    const bar = new Progress('comparing images', undefined)
    const result = await splitDataset(dataset, path, { seed, shares }, (done, total) => bar.update(done, '', total))
    for (const { a, b, parts } of result.alike)
      console.error(`warning: ${a} (${parts[0]}) and ${b} (${parts[1]}) look nearly identical: do they show the same?`)
    for (const { part, images } of result.parts) if (!images) console.error(`warning: the ${part} part is empty`)
    console.log(
      flag(values, 'json')
        ? JSON.stringify(
            { file: path, kept: result.kept, ...result.split, parts: result.parts, alike: result.alike },
            null,
            1,
          )
        : describe(path, result),
    )
  },
}

/** '70,20,10' as fractions that sum to 1. @throws UserError if they are not three numbers, the first above 0 */
export function readShares(typed: string): [number, number, number] {
  const values = typed.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)))
  const total = values.reduce((a, b) => a + b, 0)
  if (values.length !== 3 || !values.every((v) => v >= 0 && v < Infinity) || !(values[0] > 0))
    throw new UserError(
      `--shares takes three numbers for train, val and test, the first above 0, e.g. 70,20,10; got "${typed}"`,
    )
  return values.map((v) => v / total) as [number, number, number]
}

function describe(path: string, { kept, split, parts }: SplitResult): string {
  const total = parts.reduce((sum, { images }) => sum + images, 0)
  const rows = parts.map(({ part, images, groups, instances }) => [
    part,
    `${images}`,
    `${((100 * images) / total).toFixed(1)} %`,
    `${groups}`,
    `${instances}`,
  ])
  const state = kept ? 'exists and fits' : `written with seed ${split.seed}`
  return `${textTable([['part', 'images', 'share', 'groups', 'instances'], ...rows], 1)}\n${path}: ${state}; no image is in two parts`
}
