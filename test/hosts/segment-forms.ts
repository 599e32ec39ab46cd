/** @file Segments an image in several forms, such as a page may hold its pixels in. */
import { type Engine, type ImageSource, type Mask, Segmenter } from '../../engine/index'
import { type HostFile, loadHostModel } from './host-run'

/** The mask that a form gives, as JSON. */
export interface FormAnswer extends Omit<Mask, 'data'> {
  predictedIou: number
  data: number[]
}

/** The answers at one point, by the names of the forms. */
export async function segmentForms(
  engine: Engine,
  file: HostFile,
  forms: Record<string, ImageSource>,
): Promise<Record<string, FormAnswer>> {
  const segmenter = await Segmenter.create(await loadHostModel(engine, file))
  const answers: Record<string, FormAnswer> = {}
  for (const [name, form] of Object.entries(forms)) {
    const [{ mask, predictedIou }] = await segmenter.segment(form, { points: [{ x: 25, y: 18 }] })
    answers[name] = { predictedIou, ...mask, data: Array.from(mask.data) }
  }
  return answers
}
