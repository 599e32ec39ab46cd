/**
 * @file agreement.json of an exported dataset: how far second annotators agree with the first on images that both have accepted.
 * `wgsam eval` on that dataset shows it beside the models' scores, as their upper bound.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { messageOf, UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { reviewFolder } from '../project/project'
import { finiteNumber, checkValue } from '../text/check-value'
import { count } from '../text/count'
import { agreement } from './agreement'

const share = v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(1)))
const recordSchema = v.object({
  annotator: v.string(),
  /** Images that both have accepted. */
  images: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** F1 of one person's masks against the other's, 0 to 1, at each IoU; null without masks. */
  f1: v.array(v.object({ iou: finiteNumber, f1: share })),
  /** Of the masks that both have; null without any. */
  meanIou: share,
})
const schema = v.object({ version: v.literal(1), annotators: v.array(recordSchema) })
export type AgreementRecord = v.InferOutput<typeof recordSchema>

const FILE = 'agreement.json'
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)

/** Writes the agreement with each second annotator who has accepted an image that the first has too; no file without one. */
export async function writeAgreements(dir: string, dataset: string): Promise<void> {
  const names: string[] = await readdir(reviewFolder(dir, '')).catch(() => [])
  const annotators: AgreementRecord[] = []
  for (const name of names.sort()) {
    // without common images there is nothing to say
    const found = await agreement(dir, name).catch((error: unknown) => {
      if (error instanceof UserError) return null
      throw error
    })
    if (!found) continue
    const f1 = found.scores.at.map((at) => ({ iou: at.iou, f1: finite(at.f1) }))
    annotators.push({ annotator: name, images: found.images.length, f1, meanIou: finite(found.meanIou) })
  }
  if (annotators.length)
    await writeFileAtomic(join(dataset, FILE), JSON.stringify({ version: 1, annotators }, null, 1) + '\n')
}

/** The agreements of datasets, as they were exported. @throws UserError if a file is damaged */
export async function readAgreements(datasets: readonly string[]): Promise<AgreementRecord[]> {
  const found: AgreementRecord[] = []
  for (const dataset of datasets) {
    const path = join(dataset, FILE)
    if (!existsSync(path)) continue
    try {
      found.push(...checkValue(schema, JSON.parse(await readFile(path, 'utf8'))).annotators)
    } catch (error) {
      throw new UserError(`cannot use ${path}: ${messageOf(error, path)}; export the dataset again, or delete it`)
    }
  }
  return found
}

/** A sentence for people. */
export function agreementLine({ annotator, images, f1, meanIou }: AgreementRecord): string {
  const percent = (value: number | null) => (value === null ? '–' : `${(100 * value).toFixed(1)} %`)
  const scores = f1.map((at) => `F1 ${percent(at.f1)} at IoU ${at.iou}`).join(', ')
  return (
    `two people, the first and ${annotator}, agree on ${count(images, 'image')} of the dataset to ${scores}, ` +
    `mean IoU ${percent(meanIou)}: no model can be expected to score higher`
  )
}
