/** @file `wgsam dataset`: only dispatches to its verbs. */
import { UserError } from '../../host/errors'
import type { Command } from '../../cli/command'

export const command: Command = {
  name: 'dataset',
  summary: 'check, split, augment, describe, import and export datasets of labelled images',
  usage: 'check | split | augment | stats | import | export  [options]',
  options: {},
  verbs: {
    check: () => import('./check'),
    split: () => import('./split'),
    augment: () => import('./augment'),
    stats: () => import('./stats'),
    import: () => import('./import'),
    export: () => import('./export'),
  },
  details: `verbs:
  check      list faults in images and labels: errors that training refuses, and warnings
  split      assign whole groups of images to train, val and test, and look for duplicates between them
  augment    write augmented copies of the training images
  stats      count images and instances; distributions of size and coverage; a table and a figure
  import     convert COCO, YOLO, VIA, labelme or label maps to a dataset
  export     convert a dataset to COCO, YOLO, VIA, labelme or label maps

\`wgsam dataset VERB --help\` lists the options of a verb; see also docs/dataset.md.`,
  async run() {
    throw new UserError('wgsam dataset needs a verb; `wgsam dataset --help` lists them')
  },
}
