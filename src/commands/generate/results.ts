/** @file What `wgsam generate` and its verbs have in common when they report: file kinds, the identity of the model, scores. */
import { count } from '../../text/count'
import { resolve } from 'node:path'
import { UserError } from '../../host/errors'
import type { FolderOptions } from '../../generate/generate-folder'
import { type OutputKind, outputKinds, writeCoco, writeCsv } from '../../project/outputs'
import { currentFiles } from '../../project/review/current-files'
import type { Interval } from '../../evaluation/bootstrap'
import type { CountAndSizeErrors } from '../../evaluation/d50-error'
import type { MaskScores } from '../../../engine/tune/detection'
import { percent } from '../../report/evaluation-table'
import { adapterHash } from '../../weights/adapter-hash'
import type { OpenedModel } from '../options/model'

/**
 * The kinds of files listed in the value of --write; "none" and empty entries are ignored.
 * @throws UserError for an unknown kind
 */
export function readKinds(typed: string): ReadonlySet<OutputKind> {
  const kinds = typed.split(',').map((kind) => kind.trim())
  const unknown = kinds.find((kind) => kind && kind !== 'none' && !outputKinds.includes(kind as OutputKind))
  if (unknown) throw new UserError(`--write takes ${outputKinds.join(', ')} or none, not "${unknown}"`)
  return new Set(kinds.filter((kind) => kind && kind !== 'none') as OutputKind[])
}

/** Writes the files that hold the masks of all images of a project, as reviewed: annotations.json (COCO) and particles.csv. */
export async function writeCombinedFiles(dir: string, kinds: ReadonlySet<OutputKind>): Promise<void> {
  if (!kinds.has('coco') && !kinds.has('csv')) return
  const files = await currentFiles(dir)
  if (kinds.has('coco')) await writeCoco(dir, files)
  if (kinds.has('csv')) await writeCsv(dir, files)
}

/** Identifies the model and the adapter, which is hashed because another adapter may later be saved at the same path. */
export function modelIdentity({ name, size, adapter }: OpenedModel): FolderOptions['by'] {
  if (!adapter) return { model: name, adapter: null, adapterHash: null, size }
  const path = resolve(adapter.path)
  return { model: name, adapter: path, adapterHash: adapterHash(path), size }
}

export type PooledScores = MaskScores & CountAndSizeErrors

/** The errors of count and D50 of all images, with intervals. */
export function errorLine({ countError, d50Error, intervals }: CountAndSizeErrors): string {
  const text = (error: number, interval: Interval | null) =>
    `${percent(error, true)} %${interval ? ` [${interval.map((end) => percent(end, true)).join(', ')}]` : ''}`
  return `count error ${text(countError, intervals.countError)}, D50 error ${text(d50Error, intervals.d50Error)}`
}

/** The scores of masks against labels: a line for each IoU threshold, and one for the count. */
export const scoreLines = ({ at, countError, masks, instances }: MaskScores): string =>
  [
    ...at.map(
      ({ iou, precision, recall, f1 }) =>
        `at IoU ${iou.toFixed(2)}: precision ${percent(precision)}, recall ${percent(recall)}, F1 ${percent(f1)}`,
    ),
    `${count(masks, 'mask')} of ${count(instances, 'labelled instance')}: count error ${percent(countError, true)} %`,
  ].join('\n')
