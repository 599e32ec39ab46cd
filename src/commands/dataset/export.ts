/** @file `wgsam dataset export`: converts a dataset to annotation files of other programs. */
import { count } from '../../text/count'
import { existsSync, readdirSync } from 'node:fs'
import type { Command } from '../../cli/command'
import { choice, flag, text } from '../../cli/options'
import { openSplit, parts } from '../../dataset/split'
import { UserError } from '../../host/errors'
import { interruption } from '../../host/interrupt'
import { Progress } from '../../host/progress'
import { readClassTable } from '../../dataset/class-table'
import { exportAnnotations, type ExportSummary } from '../../dataset/export-annotations'
import { formats } from '../../dataset/formats'
import { readFormat } from './import'
import { dataOptions, jsonOption, openData } from '../options/data'

export const command: Command = {
  name: 'dataset export',
  summary: 'convert a dataset to COCO, YOLO, VIA, labelme, CVAT, Label Studio, ImageJ or label maps',
  usage: '--data DIR --format FORMAT --out DIR [--split-file FILE] [options]',
  options: {
    ...dataOptions,
    format: {
      type: 'string',
      value: 'FORMAT',
      description:
        'coco, yolo, via, labelme, cvat, label-studio, imagej (ROI sets), labels (PNG label maps) or tiff (TIFF label maps)',
    },
    out: { type: 'string', value: 'DIR', description: 'folder to write, new or empty' },
    'with-images': { type: 'boolean', description: 'also copy the images' },
    'split-file': {
      type: 'string',
      value: 'FILE',
      description: 'split file; with --format yolo, its parts are written to separate folders',
    },
    part: { type: 'string', value: 'PART', description: 'export only this part of the split file: train, val or test' },
    class: {
      type: 'string',
      value: 'NAME',
      default: 'particle',
      description:
        'class of the instances that the dataset’s classes.csv does not name; coco and labelme write several',
    },
    polygons: {
      type: 'boolean',
      description: 'coco: write masks without holes as polygons instead of run-length encoding',
    },
    ...jsonOption,
  },
  details: `All formats preserve every pixel: polygons follow the pixel borders. In formats with neither holes nor multi-part
polygons, a hole or a further component is connected to the outline by a line of zero width. Images that cannot be used are
listed and the others are exported; the exit code is then 1.

  wgsam dataset export --data particles --format yolo --split-file particles/split.json --with-images --out yolo`,
  async run(values) {
    const name = readFormat(values)
    const out = text(values, 'out')
    if (!out) throw new UserError('wgsam dataset export needs --out DIR')
    if (existsSync(out) && readdirSync(out).length)
      throw new UserError(`${out} is not empty: choose another --out, or remove it`)
    const splitFile = text(values, 'split-file')
    const part = choice(values, 'part', parts)
    if (part && !splitFile) throw new UserError('--part needs --split-file')
    if (splitFile && !existsSync(splitFile)) throw new UserError(`there is no split file ${splitFile}`)
    const dataset = await openData({ ...values, 'on-bad': 'skip' }, 1)
    const split = splitFile ? await openSplit(splitFile, dataset.items, { seed: 0 }) : null
    const partOf = split && new Map(parts.flatMap((name) => split[name].map((id) => [id, name] as const)))
    const bar = new Progress('exporting', undefined)
    const interrupt = interruption(() => console.error('\nstopping after this image'))
    try {
      const summary = await exportAnnotations({
        out,
        format: formats[name],
        items: part ? dataset.items.filter(({ id }) => partOf!.get(id) === part) : dataset.items,
        partOf: name === 'yolo' ? partOf : null,
        className: text(values, 'class')!,
        classes: await readClassTable(dataset.folders[0]),
        withImages: flag(values, 'with-images'),
        polygons: flag(values, 'polygons'),
        onProgress: (done, total, id) => bar.update(done, id, total),
        stop: () => interrupt.requested,
      })
      summary.problems.unshift(...dataset.bad.map(({ id, reason }) => ({ where: id, reason })))
      console.log(flag(values, 'json') ? JSON.stringify(summary, null, 1) : describe(summary))
      return summary.finished ? (summary.problems.length ? 1 : 0) : 130
    } finally {
      interrupt.dispose()
    }
  },
}

function describe({ written, finished, images, instances, problems }: ExportSummary): string {
  const shown = problems.slice(0, 10).map(({ where, reason }) => `  ${where}: ${reason}`)
  const more = problems.length - shown.length
  const lines = problems.length ? [`${count(problems.length, 'image')} could not be used:`, ...shown] : []
  if (more) lines.push(`  and ${more} more`)
  return [
    ...lines,
    `${written}: ${count(images, 'image')} with ${count(instances, 'instance')}${finished ? '' : '; stopped before all were written'}`,
  ].join('\n')
}
