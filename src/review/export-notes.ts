/** @file What an exported dataset has beside label maps: classes, comments, and ImageJ's sets of regions. */
import { join } from 'node:path'
import type { LabelMap } from '../../engine/image/label-map'
import { type ClassRow, classTableText } from '../dataset/class-table'
import { formats } from '../dataset/formats'
import { boxes } from '../../engine/masks/instances'
import { writeFileAtomic } from '../host/files'
import type { ReviewDocument } from '../project/review/document'
import { csvLine } from '../text/csv'

/** The notes of one image, with labels as in its label map. */
export interface ImageNotes {
  name: string
  classes: ClassRow[]
  comment: string
  /** Comments on masks, by label. */
  comments: [label: number, text: string][]
}

/** The class and the comment of each mask; label i is the i-th mask by number. */
export function notesOf(name: string, document: ReviewDocument): ImageNotes {
  const marks = document.masks.map(({ id }, i) => ({ label: i + 1, ...document.marksOf(id) }))
  return {
    name,
    classes: marks.flatMap(({ label, className }) => (className === null ? [] : [{ name, label, className }])),
    comment: document.comment,
    comments: marks.flatMap(({ label, comment }): [number, string][] => (comment ? [[label, comment]] : [])),
  }
}

/** Writes classes.csv and comments.csv, each only if there is anything to write. */
export async function writeNotes(folder: string, images: readonly { notes: ImageNotes }[]): Promise<void> {
  const rows = images.flatMap(({ notes }) => notes.classes)
  if (rows.length) await writeFileAtomic(join(folder, 'classes.csv'), classTableText(rows))
  // label 0 is the image
  const comments = images.flatMap(({ notes: { name, comment, comments } }) => [
    ...(comment ? [csvLine([name, 0, comment])] : []),
    ...comments.map(([label, text]) => csvLine([name, label, text])),
  ])
  if (comments.length)
    await writeFileAtomic(join(folder, 'comments.csv'), ['name,label,comment\n', ...comments].join(''))
}

/** Writes an image's label map as a set of regions for ImageJ's ROI Manager. */
export async function writeRois(folder: string, name: string, imagePath: string, labels: LabelMap): Promise<void> {
  const one = async function* () {
    const found = boxes(labels)
    yield { id: name, fileName: `${name}.png`, imagePath, part: null, labels, boxes: found, classOf: () => 'particle' }
  }
  const options = { className: 'particle', classNames: ['particle'], withImages: false, polygons: false }
  await formats.imagej.write(folder, one(), options)
}
