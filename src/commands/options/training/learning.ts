/** @file Flags of `wgsam train` for its steps, the adapter, the loss, prompts and augmentation. */
import type { Flags } from './flag'

export const learning: Flags = {
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
  'head-lr': {
    path: 'head.learningRate',
    kind: 'number',
    value: 'X',
    about: 'learning rate of the prompt head, which follows the same schedule as --lr (default 0.003)',
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
}
