/** @file Masks of a whole image, as `wgsam generate` finds them. */
import { candidatesAtScale, filterCandidates, MaskGenerator } from '../../../engine/index'
import { toRecord } from '../../project/output-texts'
import { statedSize } from '../../../engine/scale/particle-size'
import { chooseView, defaultViewLimits } from '../../../engine/scale/view'
import type { Calls, Proposed, ProposeRequest } from '../calls'
import { pixelsOf } from './pixels'
import type { CallHooks, Loaded } from './studio'

export async function propose(
  { model, band }: Loaded,
  { picture, diameter, tiles, ...options }: ProposeRequest,
  { signal, finish, onProgress }: CallHooks,
): Promise<Proposed> {
  const image = await pixelsOf(picture.pixels)
  const began = performance.now()
  onProgress({ doing: 'Compiling shaders', done: 0, total: null })
  const generator = await MaskGenerator.create(model, { ...options, keepLogits: false })
  try {
    onProgress({ doing: 'Encoding the image', done: 0, total: null })
    let doing = ''
    let encodings = 0
    const { set, view } = await candidatesAtScale(
      generator,
      image,
      { diameter, band, limits: { ...defaultViewLimits, tiles } },
      {
        ...{ signal, finish },
        onView: ({ tiles }) => {
          encodings += tiles
          doing = tiles > 1 ? `Looking for particles in ${tiles} tiles` : 'Looking for particles'
        },
        onProgress: (done, total) => onProgress({ doing, done, total }),
      },
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
      encodings,
      stopped: finish.aborted,
      seconds: (performance.now() - began) / 1000,
    }
  } finally {
    generator.destroy()
  }
}

/** In how many tiles an image will be seen whose particles have a diameter in its pixels. */
export const countTiles = (
  { model, band }: Loaded,
  { image, diameter, tiles }: Calls['countTiles']['request'],
): number => chooseView(image, model.inputSize, statedSize(diameter), band, { ...defaultViewLimits, tiles }).tiles
