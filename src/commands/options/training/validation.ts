/** @file Flags of `wgsam train` for validation, what follows the last step, checkpoints and trackers. */
import type { Flags } from './flag'

export const validation: Flags = {
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
