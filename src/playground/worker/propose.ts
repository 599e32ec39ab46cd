/** @file Masks of a whole image, as `wgsam generate` finds them. */
import { candidatesAtScale, filterCandidates, MaskGenerator } from '../../../engine/index'
import { toRecord } from '../../project/output-texts'
import type { Proposed, ProposeRequest } from '../calls'
import { pixelsOf } from './pixels'
import type { CallHooks, Loaded } from './studio'

export async function propose(
  { model, band }: Loaded,
  { picture, diameter, ...options }: ProposeRequest,
  { signal, onProgress }: CallHooks,
): Promise<Proposed> {
  const image = await pixelsOf(picture.pixels)
  const began = performance.now()
  onProgress({ doing: 'Compiling shaders', done: 0, total: null })
  const generator = await MaskGenerator.create(model, { ...options, keepLogits: false })
  try {
    onProgress({ doing: 'Encoding the image', done: 0, total: null })
    const { set, view } = await candidatesAtScale(
      generator,
      image,
      { diameter, band },
      { signal, onProgress: (done, total) => onProgress({ doing: 'Looking for particles', done, total }) },
    )
    const record = (i: number) => toRecord(set.candidates[i], set.size)
    return {
      records: filterCandidates(set, generator.options).kept.map(record),
      candidates: {
        version: 1,
        image: picture.info,
        options: { ...generator.options } as Record<string, unknown>,
        candidates: set.candidates.map((_, i) => record(i)),
        overlaps: set.overlaps as [number, number, number][],
      },
      tiles: view.tiles,
      seconds: (performance.now() - began) / 1000,
    }
  } finally {
    generator.destroy()
  }
}
