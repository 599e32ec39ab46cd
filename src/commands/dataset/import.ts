/** @file `wgsam dataset import`: converts annotation files of other programs to a dataset. */
import { count } from '../../text/count'
import { dirname, join } from 'node:path'
import { existsSync, statSync } from 'node:fs'
import type { Command } from '../../cli/command'
import { nearest } from '../../cli/nearest'
import { choice, flag, text, texts, type Values } from '../../cli/options'
import { UserError } from '../../host/errors'
import { interruption } from '../../host/interrupt'
import { Progress } from '../../host/progress'
import { crowdModes } from '../../dataset/coco-json'
import { type FormatName, formatNames, formats } from '../../dataset/formats'
import { importAnnotations, type ImportSummary } from '../../dataset/import-annotations'
import { jsonOption } from '../options/data'

export const command: Command = {
  name: 'dataset import',
  summary: 'convert COCO, YOLO, VIA, labelme, CVAT, Label Studio, ImageJ or label maps to a dataset',
  usage: 'FILE|DIR --format FORMAT --images DIR --out DIR',
  positionals: [1, 1],
  options: {
    format: {
      type: 'string',
      value: 'FORMAT',
      description: 'format of the annotations: coco, yolo, via, labelme, cvat, label-studio, imagej, labels or tiff',
    },
    images: {
      type: 'string',
      value: 'DIR',
      description: 'folder of the images (default: images/ beside the annotations, or the folder of the annotations)',
    },
    out: { type: 'string', value: 'DIR', description: 'new folder to write images/ and masks/ into' },
    class: {
      type: 'string',
      value: 'NAME',
      multiple: true,
      description: 'import only instances of this class; may be given several times',
    },
    suffix: {
      type: 'string',
      value: 'TEXT',
      description: 'suffix that file names of label maps and ROI sets have in addition to those of images, e.g. _mask',
    },
    'split-pieces': { type: 'boolean', description: 'make each connected component a separate instance' },
    crowds: {
      type: 'string',
      value: 'MODE',
      default: 'auto',
      description:
        'coco: what masks marked as crowds (iscrowd) are: instances, or leave-out; auto takes them as instances where ' +
        'CVAT or Datumaro wrote them, and otherwise does not import their image',
    },
    'close-lines': { type: 'boolean', description: 'close open lines to polygons, instead of ignoring them' },
    ...jsonOption,
  },
  details: `Formats: coco, a JSON file with polygons or run-length encoding; yolo, a folder with labels/ (text files of polygons) and
data.yaml; via, a JSON file of VIA 2; labelme, a folder of JSON files; cvat, the XML of "CVAT for images"; label-studio, its JSON export;
imagej, a folder of ROI sets (NAME.zip); labels and tiff, a folder of PNG or TIFF label maps.

Where instances overlap, the smaller one covers the larger one. Boxes without a mask, points and open lines are ignored and
counted. A damaged shape is left out and named; an image of which more shapes are damaged than sound is not imported. Images that
cannot be used are listed and the others are imported; the exit code is then 1.

  wgsam dataset import annotations.json --format coco --images pictures --out particles`,
  async run(values, [from]) {
    const name = readFormat(values)
    const out = text(values, 'out')
    if (!out) throw new UserError('wgsam dataset import needs --out DIR')
    if (!existsSync(from)) throw new UserError(`there is no file or folder ${from}`)
    const bar = new Progress('importing', undefined)
    const interrupt = interruption(() => console.error('\nstopping after this image'))
    try {
      const summary = await importAnnotations({
        from,
        format: formats[name],
        images: text(values, 'images') ?? imagesBeside(from),
        out,
        classes: texts(values, 'class'),
        suffix: text(values, 'suffix') ?? '',
        splitPieces: flag(values, 'split-pieces'),
        closeLines: flag(values, 'close-lines'),
        crowds: choice(values, 'crowds', crowdModes),
        onProgress: (done, total, file) => bar.update(done, file, total),
        stop: () => interrupt.requested,
      })
      if (flag(values, 'json')) console.log(JSON.stringify(summary, null, 1))
      else console.log(describe(summary))
      return summary.finished ? (summary.problems.length || !summary.images ? 1 : 0) : 130
    } finally {
      interrupt.dispose()
    }
  },
}

/** The usual folder of the images for annotations at `from`. */
function imagesBeside(from: string): string {
  const folder = statSync(from).isDirectory() ? from : dirname(from)
  return existsSync(join(folder, 'images')) ? join(folder, 'images') : folder
}

/** The value of --format. @throws UserError if it is missing or unknown */
export function readFormat(values: Values): FormatName {
  const typed = text(values, 'format')
  if (typed === undefined) throw new UserError(`--format is missing: it takes one of ${formatNames.join(', ')}`)
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
  remarks,
  problems,
}: ImportSummary): string {
  const few = (names: readonly string[]) => names.slice(0, 3).join(', ') + (names.length > 3 ? ', …' : '')
  const lines = [...remarks]
  lines.push(...Object.entries(leftOut).map(([kind, count]) => `left out: ${count} × ${kind}`))
  if (hidden) lines.push(`left out: ${hidden} instances that are completely covered by others or outside the image`)
  if (empty.length) lines.push(`not written: ${count(empty.length, 'image')} without instances (${few(empty)})`)
  const named = Object.entries(classes).map(([name, count]) => `${name} ${count}`)
  if (named.length > 1)
    lines.push(`all classes are merged into one; classes.csv lists the class of each label: ${named.join(', ')}`)
  if (problems.length) lines.push(`${problems.length} could not be imported, or not whole:`)
  lines.push(...problems.map(({ where, reason }) => `  ${where}: ${reason}`))
  lines.push(
    `${out}: ${count(images, 'image')} with ${count(instances, 'instance')}${finished ? '' : '; stopped before all were written'}`,
  )
  return lines.join('\n')
}
