/** @file `wgsam dataset check`: a dry run over labels. */
import type { Command } from '../../cli/command'
import { flag, text } from '../../cli/options'
import { interruption } from '../../host/interrupt'
import { Progress } from '../../host/progress'
import { checkDataset, type CheckReport } from '../../dataset/check'
import { dataFolders, dataOptions, jsonOption } from '../options/data'

export const command: Command = {
  name: 'dataset check',
  summary: 'a dry run over images and labels: what training would refuse, and what to look at',
  usage: '--data DIR [--coco FILE] [--group-by RULE] [--json]',
  options: { ...dataOptions, ...jsonOption },
  details: `Errors are what cannot be used: files that cannot be read, sizes that differ, labels that are empty, coloured, or a
mask of all particles in one label, the background labelled, the same picture in two groups. Warnings are what may be
right: instances in several pieces or below 16 pixels, 255 labels in 8 bits, pictures twice or nearly alike. Gaps between
label values are no matter. The exit code is 1 where there is an error.`,
  async run(values) {
    const folders = dataFolders(values)
    const bar = new Progress('checking', undefined)
    const asked = interruption(() => console.error('\nstopping'))
    try {
      const report = await checkDataset(folders, {
        coco: text(values, 'coco'),
        groupBy: text(values, 'group-by'),
        onProgress: (done, total) => bar.update(done, '', total),
        stop: () => asked.requested,
      })
      if (asked.requested) return 130
      console.log(flag(values, 'json') ? JSON.stringify(report, null, 1) : describe(report))
      return report.errors ? 1 : 0
    } finally {
      asked.dispose()
    }
  },
}

function describe({ folders, pairs, usable, groups, instances, errors, warnings, findings }: CheckReport): string {
  const lines = findings.map(({ id, level, message }) => `  ${level}: ${id}: ${message}`)
  const sum = `${usable} of ${pairs} pairs can be used, in ${groups} groups with ${instances} instances; ${errors} errors, ${warnings} warnings`
  return [folders.join(', '), ...lines, sum].join('\n')
}
