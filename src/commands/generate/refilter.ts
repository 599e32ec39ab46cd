/** @file `wgsam generate refilter`: applies other thresholds to saved candidates, without model and GPU. */
import { count } from '../../text/count'
import { UserError } from '../../host/errors'
import { generatorOptions, givenOptions, refilterFlags } from '../options/generator'
import { proposedNames } from '../../project/read-proposals'
import { type FilterChange, refilter } from '../../project/refilter'
import type { Command } from '../../cli/command'
import { flag, text } from '../../cli/options'
import { readKinds, writeCombinedFiles } from './results'

export const command: Command = {
  name: 'generate refilter',
  summary: 'apply other thresholds to the saved candidates of a project, in milliseconds per image',
  usage: 'DIR [--pred-iou-thresh T] [--stability-score-thresh T] [--min-area A] ...',
  positionals: [1, 1],
  options: {
    thresholds: {
      type: 'string',
      value: 'FILE',
      description: 'thresholds file written by `wgsam generate tune`; command-line flags override it',
    },
    ...refilterFlags,
    'drop-frames': {
      type: 'boolean',
      description: 'drop masks that touch three or four edges of the image again, after --keep-frames',
    },
    write: {
      type: 'string',
      value: 'KINDS',
      default: 'labels,overlay,csv,coco',
      description: 'files to write, as in `wgsam generate`',
    },
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  details: `Options that are not given keep their previous values. Images whose masks were reviewed are not changed. Changing
--mask-threshold or --stability-score-offset needs the logits that \`wgsam generate --keep-logits\` writes.`,
  async run(values, [dir]) {
    const names = await proposedNames(dir)
    if (!names.length) throw new UserError(`${dir} contains no proposals: create them with \`wgsam generate\``)
    await generatorOptions(values) // throws if a value is out of bounds
    const change: FilterChange = await givenOptions(values)
    if (flag(values, 'drop-frames')) change.dropFrames = true
    const kinds = readKinds(text(values, 'write')!)
    const results = []
    for (const name of names) {
      const result = await refilter(dir, name, change, kinds)
      results.push({
        name,
        masks: result?.file.records.length ?? null,
        milliseconds: result && Math.round(10 * result.milliseconds) / 10,
        removed: result?.file.removed ?? null,
      })
    }
    await writeCombinedFiles(dir, kinds)
    if (flag(values, 'json')) console.log(JSON.stringify(results, null, 1))
    else
      for (const { name, masks, milliseconds } of results)
        console.log(
          `${name}: ${masks === null ? 'reviewed, not changed' : `${count(masks, 'mask')}, chosen in ${milliseconds} ms`}`,
        )
  },
}
