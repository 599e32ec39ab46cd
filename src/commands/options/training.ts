/** @file The command line's names for the keys of a training configuration. */
import { type Option, text, texts, type Values } from '../../cli/options'
import { UserError } from '../../host/errors'
import type { RawConfig } from '../../training/config'

interface Flag {
  /** Dotted path of the key it sets. */
  path: string
  kind: 'text' | 'texts' | 'number' | 'list' | 'numbers' | 'on' | 'off' | 'mix'
  value?: string
  about: string
}

const flags: Record<string, Flag> = {
  data: {
    path: 'data',
    kind: 'texts',
    value: 'DIR',
    about: 'a folder of images/ and masks/; may be given several times',
  },
  coco: { path: 'coco', kind: 'text', value: 'FILE', about: 'COCO annotations of the images, in place of masks/' },
  'group-by': {
    path: 'groupBy',
    kind: 'text',
    value: 'RULE',
    about: 'what must not be split: column:NAME or a regular expression on names',
  },
  'on-bad': { path: 'onBad', kind: 'text', value: 'WHAT', about: 'refuse (default) or skip pairs that cannot be used' },
  split: {
    path: 'split',
    kind: 'text',
    value: 'FILE',
    about: 'train, val and test as this file says (another run’s split.json)',
  },
  shares: { path: 'shares', kind: 'numbers', value: 'A,B,C', about: 'of train, val and test (default 0.7,0.2,0.1)' },
  model: {
    path: 'model',
    kind: 'text',
    value: 'NAME',
    about: 'a named model or a checkpoint’s path (default sam_vit_b)',
  },
  'model-config': {
    path: 'modelConfig',
    kind: 'text',
    value: 'FILE',
    about: 'JSON of what a toy model’s shapes do not tell',
  },
  size: { path: 'size', kind: 'number', value: 'PIXELS', about: 'side of the input (default 512)' },
  batch: { path: 'batch', kind: 'number', value: 'N', about: 'images an optimiser step (default 8)' },
  'micro-batch': {
    path: 'microBatch',
    kind: 'number',
    value: 'N',
    about: 'images at once on the GPU (default: as many as fit)',
  },
  workers: {
    path: 'workers',
    kind: 'number',
    value: 'N',
    about: 'threads that prepare images (default: up to 4 beside a GPU, none beside a software adapter)',
  },
  memory: {
    path: 'memory',
    kind: 'text',
    value: 'AMOUNT',
    about: 'most on the GPU, e.g. 8GiB: what does not fit is computed again, then done in smaller micro-batches',
  },
  storage: {
    path: 'storage',
    kind: 'text',
    value: 'TYPE',
    about: 'f16: frozen weights and what waits for the backward pass take half the memory, rounded (default f32)',
  },
  epochs: { path: 'epochs', kind: 'number', value: 'N', about: 'passes over the training images (default 40)' },
  'max-steps': {
    path: 'maxSteps',
    kind: 'number',
    value: 'N',
    about: 'end after so many steps, if the epochs do not end before',
  },
  lr: { path: 'optimizer.learningRate', kind: 'number', value: 'X', about: 'learning rate (default 1e-4)' },
  optimizer: { path: 'optimizer.algorithm', kind: 'text', value: 'NAME', about: 'adam (default) or adamw' },
  'weight-decay': { path: 'optimizer.weightDecay', kind: 'number', value: 'X', about: 'default 0.01' },
  'max-norm': {
    path: 'optimizer.maxNorm',
    kind: 'number',
    value: 'X',
    about: 'longest gradient; 0 is no limit (default 1)',
  },
  schedule: { path: 'schedule.kind', kind: 'text', value: 'NAME', about: 'constant (default) or cosine' },
  warmup: {
    path: 'schedule.warmup',
    kind: 'number',
    value: 'STEPS',
    about: 'linear warm-up (default: a twentieth of all steps)',
  },
  kind: {
    path: 'lora.kind',
    kind: 'text',
    value: 'NAME',
    about: 'lora (default), or full: the targets’ matrices themselves train',
  },
  rank: { path: 'lora.rank', kind: 'number', value: 'N', about: 'rank of the adapter (default 512)' },
  alpha: { path: 'lora.alpha', kind: 'number', value: 'X', about: 'its scale is alpha / rank (default: the rank)' },
  rslora: { path: 'lora.rslora', kind: 'on', about: 'scale by alpha / sqrt(rank)' },
  targets: {
    path: 'lora.targets',
    kind: 'list',
    value: 'LIST',
    about: 'of q, k, v, proj, lin1, lin2, decoder.q, .k, .v, .out and decoder.iou, the IoU head (default q,v)',
  },
  blocks: { path: 'lora.blocks', kind: 'list', value: 'LIST', about: 'encoder blocks to adapt (default: all)' },
  dice: { path: 'loss.dice', kind: 'number', value: 'X', about: 'weight of the Dice loss (default 1)' },
  bce: { path: 'loss.bce', kind: 'number', value: 'X', about: 'weight of the cross-entropy (default 1)' },
  iou: {
    path: 'loss.iou',
    kind: 'number',
    value: 'X',
    about: 'weight of the IoU head’s error; 0 leaves it as it is (default 0.05)',
  },
  small: {
    path: 'loss.small',
    kind: 'number',
    value: 'X',
    about: 'small instances count more, by area to the power of −X: 0.5 is by diameter (default 0: all alike)',
  },
  smooth: {
    path: 'loss.smooth',
    kind: 'number',
    value: 'X',
    about: 'what Dice adds to its fraction, in pixels of the mask (default 1)',
  },
  prompts: {
    path: 'prompts.count',
    kind: 'number',
    value: 'N',
    about: 'instances asked for an image and step (default 16)',
  },
  mix: {
    path: 'prompts',
    kind: 'mix',
    value: 'A,B,C',
    about: 'shares of points, boxes and both (default 0.5,0.3,0.2)',
  },
  'zoom-out': {
    path: 'augment.zoomOut',
    kind: 'number',
    value: 'X',
    about: 'show images smaller as well: 1 is down to half their size (default 0: never)',
  },
  'no-augment': {
    path: 'augment',
    kind: 'off',
    about: 'images as they are: no turns, crops, changes of tone; they go through frozen blocks once',
  },
  'val-every': {
    path: 'validation.every',
    kind: 'number',
    value: 'N',
    about: 'epochs between validations; 0: none (default 1)',
  },
  'val-images': { path: 'validation.images', kind: 'number', value: 'N', about: 'validate on the first N images only' },
  'save-every': {
    path: 'checkpoint.seconds',
    kind: 'number',
    value: 'SECONDS',
    about: 'between checkpoints (default 120)',
  },
  track: {
    path: 'tracking.to',
    kind: 'list',
    value: 'LIST',
    about: 'of wandb, tensorboard: where numbers and pictures go besides metrics.jsonl; no network is used',
  },
  project: { path: 'tracking.project', kind: 'text', value: 'NAME', about: 'of the trackers (default wgsam)' },
  'run-name': {
    path: 'tracking.name',
    kind: 'text',
    value: 'NAME',
    about: 'the run’s in the trackers (default: its folder’s)',
  },
  tags: { path: 'tracking.tags', kind: 'list', value: 'LIST', about: 'the run’s in W&B' },
  notes: { path: 'tracking.notes', kind: 'text', value: 'TEXT', about: 'the run’s in W&B' },
  seed: { path: 'seed', kind: 'number', value: 'N', about: 'of everything random (default 0)' },
}

/** The options of `wgsam train` that set a key of the configuration. */
export const configOptions: Record<string, Option> = Object.fromEntries(
  Object.entries(flags).map(([name, { kind, value, about }]) => [
    name,
    kind === 'on' || kind === 'off'
      ? { type: 'boolean', description: about }
      : { type: 'string', value, description: about, ...(kind === 'texts' && { multiple: true }) },
  ]),
)

/** What the flags given say, unchecked but for being numbers where numbers are wanted. */
export function configFromFlags(values: Values): RawConfig {
  const raw: RawConfig = {}
  if (values['no-augment'] && values['zoom-out'] !== undefined)
    throw new UserError('--no-augment and --zoom-out exclude each other')
  for (const [name, { path, kind }] of Object.entries(flags)) {
    if (values[name] === undefined) continue
    const value = readFlag(values, name, kind)
    if (kind === 'mix') {
      const [point, box, both] = value as number[]
      for (const [key, share] of Object.entries({ point, box, both })) put(raw, `${path}.${key}`, share)
    } else put(raw, path, value)
  }
  return raw
}

/** Numbers that the program chooses itself where the flag says auto. */
const AUTOMATIC = ['micro-batch', 'workers']

function readFlag(values: Values, name: string, kind: Flag['kind']): unknown {
  if (kind === 'on' || kind === 'off') return kind === 'on'
  if (kind === 'texts') return texts(values, name)
  const typed = text(values, name)!
  if (kind === 'text') return typed
  const list = typed.split(',').map((part) => part.trim())
  if (kind === 'list') return list
  if (kind === 'number') return AUTOMATIC.includes(name) && typed === 'auto' ? typed : toNumber(name, typed)
  if (list.length !== 3) throw new UserError(`--${name} takes three numbers with commas between, got "${typed}"`)
  return list.map((part) => toNumber(name, part))
}

function toNumber(name: string, typed: string): number {
  const value = typed.trim() === '' ? NaN : Number(typed)
  if (!Number.isFinite(value)) throw new UserError(`--${name} takes a number, got "${typed}"`)
  return value
}

function put(raw: RawConfig, path: string, value: unknown): void {
  const keys = path.split('.')
  let at = raw
  for (const key of keys.slice(0, -1)) at = (at[key] ??= {}) as RawConfig
  at[keys.at(-1)!] = value
}

/** A message of checkConfig with the flags' names beside the keys that they set. */
export const nameFlags = (message: string, values: Values): string =>
  Object.entries(flags).reduce(
    (said, [name, { path }]) =>
      values[name] === undefined ? said : said.replaceAll(`  ${path} must`, `  ${path} (--${name}) must`),
    message,
  )
