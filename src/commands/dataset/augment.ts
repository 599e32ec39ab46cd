/** @file `wgsam dataset augment`: varied copies of the training images, written out. */
import { existsSync } from 'node:fs'
import type { Command } from '../../cli/command'
import { flag, number, type Option, text, type Values } from '../../cli/options'
import { augmentAll, augmentLimits, type CopyOptions } from '../../dataset/augment/augment'
import { openSplit } from '../../dataset/split'
import { UserError } from '../../host/errors'
import { interruption } from '../../host/interrupt'
import { Progress } from '../../host/progress'
import { augmentDataset, type AugmentSummary } from '../../dataset/augment/augmented-copies'
import { dataOptions, jsonOption, onBadOption, openData } from '../options/data'

type Strength = Exclude<keyof typeof augmentLimits, 'zoomOut'>

const strengths: Record<Strength, string> = {
  crop: 'shortest part taken, as a share of either side; 1: none',
  rotate: 'largest turn to either side, degrees; beside quarter turns',
  scale: 'largest change of size: 0.2 is from 1/1.2 to 1.2',
  brightness: 'largest change, as a share of white',
  contrast: 'largest change, as a factor',
  gamma: 'largest change, as a factor',
  noise: 'largest standard deviation, gray values',
  blur: 'largest standard deviation, pixels',
}
const names = Object.keys(strengths) as Strength[]

export const command: Command = {
  name: 'dataset augment',
  summary: 'write turned, cut, scaled and altered copies of the training images',
  usage: '--data DIR --split-file FILE --out DIR (--per-image N | --total N) [options]',
  options: {
    ...dataOptions,
    ...onBadOption,
    'split-file': {
      type: 'string',
      value: 'FILE',
      description: 'its training part is varied; val and test are copied',
    },
    all: { type: 'boolean', description: 'vary all images, without a split' },
    out: { type: 'string', value: 'DIR', description: 'a folder that gets images/, masks/, groups.csv and split.json' },
    'per-image': { type: 'string', value: 'N', description: 'pictures of each image, itself among them' },
    total: { type: 'string', value: 'N', description: 'pictures in all, dealt evenly to the images' },
    'no-originals': { type: 'boolean', description: 'leave the images themselves out' },
    seed: { type: 'string', value: 'N', default: '0', description: 'the same seed gives the same pictures' },
    'no-flip': { type: 'boolean', description: 'never mirrored' },
    'no-turn': { type: 'boolean', description: 'no quarter turns' },
    ...Object.fromEntries(
      names.map((name): [string, Option] => [
        name,
        { type: 'string', value: 'X', default: `${augmentAll[name]}`, description: strengths[name] },
      ]),
    ),
    ...jsonOption,
  },
  details: `Copies are 8-bit PNG; 16-bit images are stretched as training stretches them. Labels are moved or taken from the nearest
pixel, then numbered anew from 1. groups.csv keeps every copy in its image's group. The same command goes on after an
interruption. \`wgsam train\` varies its images anyway: written copies are for other programs, and to look at.

  wgsam dataset split --data particles
  wgsam dataset augment --data particles --split-file particles/split.json --total 5820 --out augmented
  wgsam train --data augmented --split augmented/split.json --no-augment ...`,
  async run(values) {
    const out = text(values, 'out')
    if (!out) throw new UserError('wgsam dataset augment needs --out DIR')
    const amount = readAmount(values)
    const seed = number(values, 'seed', { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true })!
    const options = readStrengths(values)
    const splitFile = text(values, 'split-file')
    if (!splitFile && !flag(values, 'all'))
      throw new UserError(
        'copies made before a split put the same particles into training and test: split first (`wgsam dataset split`) and give --split-file, or vary all images with --all',
      )
    if (splitFile && flag(values, 'all')) throw new UserError('--split-file and --all exclude each other')
    if (splitFile && !existsSync(splitFile)) throw new UserError(`there is no split file ${splitFile}`)
    const { items } = await openData(values)
    const split = splitFile ? await openSplit(splitFile, items, { seed: 0 }) : null
    if (!split)
      console.error('warning: no split: groups.csv keeps copies together, but a test part would hold varied pictures')
    const bar = new Progress('augmenting', undefined)
    const asked = interruption(() => console.error('\nstopping after this picture; press Ctrl-C again to end at once'))
    try {
      const summary = await augmentDataset({
        out,
        items,
        split,
        amount,
        originals: !flag(values, 'no-originals'),
        seed,
        options,
        onProgress: (done, total, name) => bar.update(done, name, total),
        stop: () => asked.requested,
      })
      console.log(flag(values, 'json') ? JSON.stringify(summary) : describe(summary))
      return summary.finished ? 0 : 130
    } finally {
      asked.dispose()
    }
  },
}

function readAmount(values: Values): { total: number } | { perImage: number } {
  const limits = { min: 1, max: 1e6, integer: true }
  const perImage = number(values, 'per-image', limits)
  const total = number(values, 'total', limits)
  if ((perImage === undefined) === (total === undefined))
    throw new UserError('how many pictures? Give --per-image N or --total N, one of them')
  return perImage !== undefined ? { perImage } : { total: total! }
}

function readStrengths(values: Values): CopyOptions {
  const options = { ...augmentAll, flip: !flag(values, 'no-flip'), turn: !flag(values, 'no-turn') }
  for (const name of names) {
    const [min, max] = augmentLimits[name]
    options[name] = number(values, name, { min, max })!
  }
  return options
}

function describe({ out, finished, sources, pictures, written, taken }: AugmentSummary): string {
  const what = `${pictures} pictures of ${sources} images${taken ? `, and ${taken} to validate and test on` : ''}`
  if (!finished) return `stopped after ${written} of ${what}: the same command goes on`
  return `${out}: ${what}; ${written} written now`
}
