/** @file `wgsam dataset import`: annotations of other programs. */
import { dirname, join } from 'node:path'
import { existsSync, statSync } from 'node:fs'
import type { Command } from '../../cli/command'
import { nearest } from '../../cli/nearest'
import { flag, text, texts, type Values } from '../../cli/options'
import { UserError } from '../../host/errors'
import { interruption } from '../../host/interrupt'
import { Progress } from '../../host/progress'
import { type FormatName, formatNames, formats } from '../../dataset/formats'
import { importDataset, type ImportSummary } from '../../dataset/import-annotations'
import { jsonOption } from '../options/data'

export const command: Command = {
  name: 'dataset import',
  summary: 'COCO, YOLO, VIA, labelme or label maps to a dataset',
  usage: 'FILE|DIR --format FORMAT --images DIR --out DIR',
  positionals: [1, 1],
  options: {
    format: { type: 'string', value: 'FORMAT', description: 'coco, yolo, via, labelme, labels or tiff' },
    images: {
      type: 'string',
      value: 'DIR',
      description: 'the images (default: images/ beside the annotations, or their own folder)',
    },
    out: { type: 'string', value: 'DIR', description: 'a new folder that gets images/ and masks/' },
    class: { type: 'string', value: 'NAME', multiple: true, description: 'only instances of this class' },
    suffix: {
      type: 'string',
      value: 'TEXT',
      description: 'what names of label maps end in and those of images do not, e.g. _mask',
    },
    'split-pieces': { type: 'boolean', description: 'every connected piece becomes an instance of its own' },
    'close-lines': { type: 'boolean', description: 'open lines are closed; else they are left out' },
    ...jsonOption,
  },
  details: `coco: a JSON file (polygons, run lengths). yolo: a folder with labels/ (text files of polygons) and data.yaml. via: a JSON
file of VIA 2. labelme: a folder of JSON files. labels, tiff: a folder of label maps, PNG or TIFF.

Where instances overlap the smaller is on top. Boxes without a mask, points, crowd regions and open lines are left out and
counted. An image that cannot be used is listed and the rest is written; the exit code is then 1.

  wgsam dataset import annotations.json --format coco --images pictures --out particles`,
  async run(values, [from]) {
    const name = readFormat(values)
    const out = text(values, 'out')
    if (!out) throw new UserError('wgsam dataset import needs --out DIR')
    if (!existsSync(from)) throw new UserError(`there is no ${from}`)
    const bar = new Progress('importing', undefined)
    const asked = interruption(() => console.error('\nstopping after this image'))
    try {
      const summary = await importDataset({
        from,
        format: formats[name],
        images: text(values, 'images') ?? imagesBeside(from),
        out,
        classes: texts(values, 'class'),
        suffix: text(values, 'suffix') ?? '',
        splitPieces: flag(values, 'split-pieces'),
        closeLines: flag(values, 'close-lines'),
        onProgress: (done, total, file) => bar.update(done, file, total),
        stop: () => asked.requested,
      })
      if (flag(values, 'json')) console.log(JSON.stringify(summary, null, 1))
      else console.log(describe(summary))
      return summary.finished ? (summary.problems.length || !summary.images ? 1 : 0) : 130
    } finally {
      asked.dispose()
    }
  },
}

/** Where the images of annotations usually lie. */
function imagesBeside(from: string): string {
  const folder = statSync(from).isDirectory() ? from : dirname(from)
  return existsSync(join(folder, 'images')) ? join(folder, 'images') : folder
}

export function readFormat(values: Values): FormatName {
  const typed = text(values, 'format')
  if (typed === undefined) throw new UserError(`which format? --format takes one of ${formatNames.join(', ')}`)
  if (formatNames.includes(typed as FormatName)) return typed as FormatName
  const near = nearest(typed, formatNames)
  throw new UserError(
    `--format takes ${formatNames.join(', ')}, not "${typed}"${near ? `: did you mean ${near}?` : ''}`,
  )
}

function describe({
  out,
  finished,
  images,
  instances,
  empty,
  leftOut,
  hidden,
  classes,
  problems,
}: ImportSummary): string {
  const few = (names: readonly string[]) => names.slice(0, 3).join(', ') + (names.length > 3 ? ', …' : '')
  const lines = Object.entries(leftOut).map(([what, count]) => `left out: ${count} × ${what}`)
  if (hidden)
    lines.push(`left out: ${hidden} instances of which others leave no pixel, or that lie outside the picture`)
  if (empty.length) lines.push(`without an instance, not written: ${empty.length} images (${few(empty)})`)
  const named = Object.entries(classes).map(([name, count]) => `${name} ${count}`)
  if (named.length > 1) lines.push(`classes become one; classes.csv keeps them: ${named.join(', ')}`)
  if (problems.length) lines.push(`${problems.length} could not be used:`)
  lines.push(...problems.map(({ where, reason }) => `  ${where}: ${reason}`))
  lines.push(`${out}: ${images} images with ${instances} instances${finished ? '' : '; stopped before the end'}`)
  return lines.join('\n')
}
