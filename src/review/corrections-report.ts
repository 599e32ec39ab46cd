/** @file `wgsam review --report`: counts a person's corrections, image by image. */
import { UserError } from '../host/errors'
import {
  type CorrectionCounts,
  correctionsOf,
  type Corrections,
  type ImageCorrections,
  total,
} from '../project/review/corrections'
import { readReviewed } from '../project/review/reviewed-image'
import { findImages } from '../project/review/image-list'
import { textTable } from '../text/table'

export interface CorrectionsReport extends Corrections {
  /** Images that cannot be reviewed, and why. */
  problems: { name: string; problem: string }[]
}

/** Counts the corrections in every image. Reads the files only, so a server may run at the same time. */
export async function reportCorrections(dir: string): Promise<CorrectionsReport> {
  const images: ImageCorrections[] = []
  const problems: CorrectionsReport['problems'] = []
  for (const found of await findImages(dir))
    try {
      const { document, entries } = await readReviewed(dir, found)
      images.push(correctionsOf(found.name, document, entries))
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      problems.push({ name: found.name, problem: error.message })
    }
  return { version: 1, total: total(images), images, problems }
}

/** The report for a terminal. */
export function describeCorrections({ images, total: sum, problems }: CorrectionsReport): string {
  const cells = ({ proposals, removed, edited, added, masks }: CorrectionCounts) => [
    ...[proposals, removed, edited, added, masks].map(String),
  ]
  const rows = [
    ['image', 'state', 'proposed', 'removed', 'edited', 'added', 'masks now'],
    ...images.map((image) => [image.name, image.state, ...cells(image)]),
    ['all', `${images.filter(({ state }) => state === 'accepted').length} accepted`, ...cells(sum)],
  ]
  const edits = Object.entries(sum.edits).map(([kind, count]) => `${count} ${kind}`)
  return [
    textTable(rows, 2),
    edits.length ? `\nedits: ${edits.join(', ')}` : '\nno edits yet',
    ...problems.map(({ name, problem }) => `${name}: ${problem}`),
  ].join('\n')
}
