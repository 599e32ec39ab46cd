/** @file `wgsam dataset check`: looks for faults in images and labels, without training. */
import type { Command } from '../../cli/command'
import { flag, text } from '../../cli/options'
import { interruption } from '../../host/interrupt'
import { Progress } from '../../host/progress'
import { checkDataset, type CheckReport } from '../../dataset/check'
import { dataFolders, dataOptions, jsonOption } from '../options/data'

export const command: Command = {
  name: 'dataset check',
  summary: 'list faults in images and labels: errors that training refuses, and warnings',
  usage: '--data DIR [--coco FILE] [--group-by RULE] [--json]',
  options: { ...dataOptions, ...jsonOption },
  details: `Errors are pairs that cannot be used: unreadable files; image and label map of different sizes; empty or coloured
labels; one label for all particles; a labelled background; the same image in two groups. Warnings may be harmless:
instances with several connected components or fewer than 16 pixels; labels that end at exactly 255, as if cut off at 8 bits;
duplicate or nearly identical images. Gaps between label values are allowed. The exit code is 1 if there are errors.`,
  async run(values) {
    const folders = dataFolders(values)
    const bar = new Progress('checking', undefined)
    const interrupt = interruption(() => console.error('\nstopping'))
    try {
      const report = await checkDataset(folders, {
        coco: text(values, 'coco'),
        groupBy: text(values, 'group-by'),
        onProgress: (done, total) => bar.update(done, '', total),
        stop: () => interrupt.requested,
      })
      if (interrupt.requested) return 130
      console.log(flag(values, 'json') ? JSON.stringify(report, null, 1) : describe(report))
      return report.errors ? 1 : 0
    } finally {
      interrupt.dispose()
    }
  },
}

function describe({ folders, pairs, usable, groups, instances, errors, warnings, findings }: CheckReport): string {
  const lines = findings.map(({ id, level, message }) => `  ${level}: ${id}: ${message}`)
  const sum = `${usable} of ${pairs} pairs can be used, in ${groups} groups with ${instances} instances; ${errors} errors, ${warnings} warnings`
  return [folders.join(', '), ...lines, sum].join('\n')
}
