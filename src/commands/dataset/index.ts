/** @file `wgsam dataset`: routes to its verbs. */
import { UserError } from '../../host/errors'
import type { Command } from '../../cli/command'

export const command: Command = {
  name: 'dataset',
  summary: 'check, split, augment, describe, import and export labelled images',
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
  check      a dry run over images and labels: what training would refuse, and what to look at
  split      deal whole groups to train, val and test, and look for pictures in two parts
  augment    write turned, cut, scaled and altered copies of the training images
  stats      images, instances, sizes, coverage: a table and a figure
  import     COCO, YOLO, VIA, labelme or label maps to a dataset
  export     a dataset to COCO, YOLO, VIA, labelme or label maps

\`wgsam dataset VERB --help\` lists a verb's options; docs/dataset.md tells more.`,
  async run() {
    throw new UserError('wgsam dataset needs a verb; `wgsam dataset --help` lists them')
  },
}
