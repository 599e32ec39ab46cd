/** @file A run's recipe and data as text, and the differences between the recipes of several runs. */
import { amount } from '../../host/progress'
import { describeDiameters } from '../../model/describe-view'
import { inputText, type TrainConfig } from '../../training/config'
import { parseBytes } from '../../text/byte-size'
import type { RunView } from './read-run'

/** Name and text of a row in a table of facts. */
export type Fact = [string, string]

export function recipeFacts({ config }: Pick<RunView, 'config'>): Fact[] {
  if (!config) return []
  const { lora, optimizer, schedule, prompts, validation, average, strength } = config
  const shares = (['point', 'box', 'both'] as const).map((kind) => `${kind} ${prompts[kind]}`).join(', ')
  const blocks = lora.blocks === null ? '' : `, blocks ${JSON.stringify(lora.blocks)}`
  const adapter =
    lora.kind === 'lora'
      ? `LoRA of rank ${lora.rank}, alpha ${lora.alpha ?? lora.rank}${lora.rslora ? ', rsLoRA' : ''}, on ${lora.targets.join(', ')}${blocks}`
      : `the matrices of ${lora.targets.join(', ')} themselves${blocks}`
  const warmup =
    schedule.warmup === null ? 'warm-up over a twentieth of the steps' : `warm-up over ${schedule.warmup} steps`
  const most = config.maxSteps === null ? '' : `, at most ${config.maxSteps} steps`
  return [
    ['Model', `${config.model}, ${inputText(config)}`],
    ['Trained', adapter],
    ...(config.from === null
      ? []
      : [
          [
            'Begun with',
            `${config.from}${config.fromHash ? ` (SHA-256 ${config.fromHash.slice(0, 16)}…)` : ''}`,
          ] as Fact,
        ]),
    [
      'Optimiser',
      `${optimizer.algorithm}, learning rate ${optimizer.learningRate} (${schedule.kind}, ${warmup}), weight decay ${optimizer.weightDecay}, ${optimizer.maxNorm ? `gradients clipped to a norm of ${optimizer.maxNorm}` : 'gradients not clipped'}`,
    ],
    ['Average', average ? `moving average of the parameters, decay ${average} at most` : 'none'],
    ['Loss', lossText(config)],
    [
      'Prompts',
      `${prompts.count} per image and step, relative frequencies: ${shares}; none for particles under ${prompts.minArea} px`,
    ],
    ['On the GPU', onTheGpu(config)],
    [
      'Length',
      `${config.epochs === 'auto' ? '40 epochs (at least 100 steps)' : `${config.epochs} epochs`} in steps of ${config.batch} images${most}, seed ${config.seed}`,
    ],
    ['Augmentation', augmentation(config)],
    [
      'Validation',
      validation.every
        ? `${validation.every === 1 ? 'each epoch' : `every ${validation.every} epochs`} on ${validation.images ?? 'all'} images, ${validation.instances ?? 'all'} particles per image at most`
        : 'none',
    ],
    [
      'Early end',
      validation.every && validation.patience
        ? `after ${validation.patience} validations without a better one`
        : 'never',
    ],
    [
      'Strength',
      strength === 'auto' ? 'chosen at the end, so that no source is worse than with the base model' : 'full',
    ],
  ]
}

function onTheGpu({ microBatch, recompute, memory }: TrainConfig): string {
  const images = microBatch === 'auto' ? 'as many images at once as fit' : `${microBatch} images at once`
  const within = memory === null ? '' : `, within ${amount(parseBytes(memory)!, 'bytes')}`
  if (recompute === 'auto') return `${images}${within}`
  const { decoder, blocks } = recompute
  const again = [...(blocks ? [`the first ${blocks} encoder blocks`] : []), ...(decoder ? ['the mask decoder'] : [])]
  return `${images}${within}; ${again.join(' and ') || 'nothing'} recomputed in the backward pass`
}

function lossText({ loss, head }: TrainConfig): string {
  const { dice, bce, iou, small, smooth, boundary } = loss
  const added = smooth === 1 ? '' : `, Dice smoothed by ${smooth} pixels`
  const weighted = small ? `; particles weighted by area to the power of −${small}` : ''
  const outlines = boundary ? ` (outlines weighted ${1 + boundary} times)` : ''
  const maps = head.weight ? ` + prompt head’s cross-entropy × ${head.weight}` : ''
  return `Dice × ${dice} + cross-entropy × ${bce}${outlines} + IoU head’s error × ${iou}${maps}${added}${weighted}`
}

function augmentation({ augment }: TrainConfig): string {
  if (typeof augment === 'boolean') return augment ? 'the default' : 'none'
  return [
    'the default',
    ...Object.entries(augment).map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(' to ') : value}`),
  ].join(', ')
}

export function dataFacts({ config, split, profile }: RunView): Fact[] {
  const facts: Fact[] = []
  if (config) facts.push(['Images from', config.data.join(', ')])
  if (config?.synthetic)
    facts.push(['Synthetic scenes', `${Number((100 * config.synthetic).toFixed(1))} % of the images of a step`])
  if (profile.diameters) facts.push(['Particles at the input', describeDiameters(profile.diameters)])
  if (split) {
    const { train, val, test } = split
    facts.push([
      'Images',
      `${train.length} to train on, ${val.length} for validation, ${test.length} kept for the test`,
    ])
    // with several folders, an image's id begins with its folder
    const folders = [
      ...new Set([...train, ...val, ...test].flatMap((id) => (id.includes('/') ? [id.split('/')[0]] : []))),
    ]
    const count = (ids: readonly string[], folder: string) => ids.filter((id) => id.startsWith(`${folder}/`)).length
    for (const folder of folders.length <= 12 ? folders : [])
      facts.push([folder, [train, val, test].map((ids) => count(ids, folder)).join(' + ')])
    if (split.hash) facts.push(['Hash of the list', split.hash.slice(0, 16)])
  }
  if (config) {
    const shares = config.shares.map((share) => `${Number((100 * share).toFixed(1))} %`).join(', ')
    facts.push(['Split', config.split ? `as ${config.split} says` : `by shares of ${shares}`])
    facts.push([
      'Groups',
      config.groupBy
        ? `by ${config.groupBy}; images of one group are in one part`
        : 'by the column group of groups.csv if there is one, else each image alone',
    ])
  }
  return facts
}

/** Dotted paths and values (as JSON) of a configuration. */
function flat(value: unknown, path = ''): Fact[] {
  if (value && typeof value === 'object' && !Array.isArray(value))
    return Object.entries(value).flatMap(([key, one]) => flat(one, path ? `${path}.${key}` : key))
  return [[path, typeof value === 'string' ? value : JSON.stringify(value)]]
}

/** Rows of a key and its value in each run, for keys that differ and can change the result (not trackers, saving, memory). */
export function differences(runs: readonly RunView[]): string[][] {
  const tables = runs.map(({ config }) => new Map(flat(config ?? {})))
  const keys = [...new Set(tables.flatMap((table) => [...table.keys()]))]
  return keys
    .filter((key) => key && !/^((tracking|checkpoint|recompute)\.|(memory|recompute)$)/.test(key))
    .map((key) => [key, ...runs.map(({ config }, i) => tables[i].get(key) ?? (config ? '–' : 'unknown'))])
    .filter(([, ...values]) => new Set(values).size > 1)
}
