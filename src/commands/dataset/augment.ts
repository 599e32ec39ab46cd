/** @file `wgsam dataset augment`: writes augmented copies of the training images. */
import { existsSync } from 'node:fs'
import type { Command } from '../../cli/command'
import { flag, number, type Option, text, type Values } from '../../cli/options'
import { augmentAll, augmentLimits, type CopyOptions } from '../../../engine/augment/augment'
import { openSplit } from '../../dataset/split'
import { UserError } from '../../host/errors'
import { interruption } from '../../host/interrupt'
import { Progress } from '../../host/progress'
import { augmentDataset, type AugmentSummary } from '../../dataset/augment/augmented-copies'
import { itemsOf } from '../../parts/part'
import { beginPart, partOptions, runDivided, type Work } from '../options/part'
import { dataOptions, jsonOption, onBadOption, openData } from '../options/data'

type Strength = Exclude<keyof typeof augmentLimits, 'zoomOut'>

const strengths: Record<Strength, string> = {
  crop: 'minimum side of random crops, as a fraction of the image’s sides; 1 turns it off',
  rotate: 'maximum rotation in either direction, degrees, besides quarter turns',
  scale: 'maximum change of size: 0.2 means factors from 1/1.2 to 1.2',
  brightness: 'maximum change of brightness, as a fraction of white',
  contrast: 'maximum change of contrast: 0.2 means factors from 1/1.2 to 1.2',
  gamma: 'maximum change of gamma: 0.2 means exponents from 1/1.2 to 1.2',
  noise: 'maximum standard deviation of added Gaussian noise, gray values',
  blur: 'maximum standard deviation of a Gaussian blur, pixels',
}
const names = Object.keys(strengths) as Strength[]

export const command: Command = {
  name: 'dataset augment',
  summary: 'write augmented copies of the training images',
  usage: '--data DIR --split-file FILE --out DIR (--per-image N | --total N) [options]',
  options: {
    ...dataOptions,
    ...onBadOption,
    'split-file': {
      type: 'string',
      value: 'FILE',
      description: 'split file; its training images are augmented, its validation and test images are copied',
    },
    all: { type: 'boolean', description: 'augment all images, without a split' },
    out: {
      type: 'string',
      value: 'DIR',
      description: 'folder to write images/, masks/, groups.csv and split.json into',
    },
    'per-image': {
      type: 'string',
      value: 'N',
      description: 'number of images to write for each training image, including the original',
    },
    total: {
      type: 'string',
      value: 'N',
      description: 'total number of images to write, distributed evenly over the training images',
    },
    'no-originals': { type: 'boolean', description: 'write only augmented copies, not the original training images' },
    seed: {
      type: 'string',
      value: 'N',
      default: '0',
      description: 'random seed; the same seed creates the same images',
    },
    'no-flip': { type: 'boolean', description: 'no mirroring' },
    'no-turn': { type: 'boolean', description: 'no quarter turns' },
    ...Object.fromEntries(
      names.map((name): [string, Option] => [
        name,
        { type: 'string', value: 'X', default: `${augmentAll[name]}`, description: strengths[name] },
      ]),
    ),
    ...partOptions,
    ...jsonOption,
  },
  details: `Copies are 8-bit PNG files; the contrast of 16-bit images is stretched as in training. Labels are resampled by nearest
neighbour and renumbered from 1. In groups.csv every copy has the group of its original. After an interruption, the same
command continues. \`wgsam train\` augments its images in any case: written copies are for other programs and for inspection.

  wgsam dataset split --data particles
  wgsam dataset augment --data particles --split-file particles/split.json --total 5820 --out augmented
  wgsam train --data augmented --split augmented/split.json --no-augment ...`,
  async run(values) {
    const out = text(values, 'out')
    if (!out) throw new UserError('wgsam dataset augment needs --out DIR')
    const division = { name: 'dataset augment', usesGpu: false, folder: () => out, lastOptions: [] }
    return runDivided(values, [], division, (work) => run(values, out, work))
  },
}

async function run(values: Values, out: string, { part, merging, records }: Work): Promise<number> {
  const amount = readAmount(values)
  const seed = number(values, 'seed', { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true })!
  const options = readStrengths(values)
  const splitFile = text(values, 'split-file')
  if (!splitFile && !flag(values, 'all'))
    throw new UserError(
      'augmenting before splitting would put the same particles into training and test images: split first (`wgsam dataset split`) and give --split-file, or augment all images with --all',
    )
  if (splitFile && flag(values, 'all')) throw new UserError('--split-file and --all exclude each other')
  if (splitFile && !existsSync(splitFile)) throw new UserError(`there is no split file ${splitFile}`)
  const { items } = await openData(values)
  const split = splitFile ? await openSplit(splitFile, items, { seed: 0 }) : null
  if (!split)
    console.error('warning: no split: groups.csv keeps copies together, but a test part would contain augmented images')
  const bar = new Progress('augmenting', undefined)
  const interrupt = interruption(() => console.error('\nstopping after this image; press Ctrl-C again to end at once'))
  try {
    if (part) await beginPart(records!, part, null)
    const summary = await augmentDataset({
      out,
      ...(part && { part: (entries) => itemsOf(entries, part) }),
      ...(merging && { expectAll: (names, done) => records!.expectAll(names, done) }),
      items,
      split,
      amount,
      originals: !flag(values, 'no-originals'),
      seed,
      options,
      onProgress: (done, total, name) => bar.update(done, name, total),
      stop: () => interrupt.requested,
    })
    if (flag(values, 'json')) console.log(JSON.stringify(summary))
    else if (!part) console.log(describe(summary))
    return summary.finished ? 0 : 130
  } finally {
    interrupt.dispose()
  }
}

function readAmount(values: Values): { total: number } | { perImage: number } {
  const limits = { min: 1, max: 1e6, integer: true }
  const perImage = number(values, 'per-image', limits)
  const total = number(values, 'total', limits)
  if ((perImage === undefined) === (total === undefined))
    throw new UserError('how many images? Give either --per-image N or --total N')
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
  const planned = `${pictures} images made from ${sources}${taken ? `, and ${taken} validation and test images` : ''}`
  if (!finished) return `stopped after ${written} of ${planned}: the same command continues`
  return `${out}: ${planned}; ${written} written now`
}
