/** @file `wgsam generate refilter`: other thresholds on what was generated; no model and no GPU. */
import { UserError } from '../../host/errors'
import { generatorOptions, givenOptions, refilterFlags } from '../options/generator'
import { proposedNames } from '../../project/read-proposals'
import { type FilterChange, refilter } from '../../project/refilter'
import type { Command } from '../../cli/command'
import { flag, text } from '../../cli/options'
import { readKinds, writeCombinedFiles } from './results'

export const command: Command = {
  name: 'generate refilter',
  summary: 'choose masks anew from kept candidates: other thresholds, in milliseconds an image',
  usage: 'DIR [--pred-iou-thresh T] [--stability-score-thresh T] [--min-area A] ...',
  positionals: [1, 1],
  options: {
    thresholds: { type: 'string', value: 'FILE', description: 'thresholds that `wgsam generate tune` has found' },
    ...refilterFlags,
    'drop-frames': { type: 'boolean', description: 'drop masks that reach three or four edges, where they were kept' },
    write: {
      type: 'string',
      value: 'KINDS',
      default: 'labels,overlay,csv,coco',
      description: 'as in `wgsam generate`',
    },
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  details: `What is not given stays as it was. Images whose masks were reviewed are left alone. Another --mask-threshold or
--stability-score-offset needs the logits that \`wgsam generate --keep-logits\` wrote.`,
  async run(values, [dir]) {
    const names = await proposedNames(dir)
    if (!names.length) throw new UserError(`${dir} holds no proposals: \`wgsam generate\` makes them`)
    await generatorOptions(values) // refuses what is not within bounds
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
          `${name}: ${masks === null ? 'reviewed, left alone' : `${masks} masks, chosen in ${milliseconds} ms`}`,
        )
  },
}
