/** @file Finds the view of an image whose particles' size is not known, from what the model finds in one view after the other. */
import type { View } from './view'

/** How often tiles are chosen, at most: where particles are very small, only tiles show how small they are. */
const ROUNDS = 2
/** Tiles must become smaller by this factor, or the result stays. */
const WORTHWHILE = 0.75

/**
 * Predicts in the whole image first. If the particles found there are too small, predicts in tiles, and once more in smaller
 * tiles if the particles turn out to be smaller than they seemed.
 * @param predict the result in a view, given the result in the one before
 * @param choose the view for the particles of a result
 */
export async function refineView<Result>(
  whole: View,
  predict: (view: View, before: Result | null) => Promise<Result>,
  choose: (result: Result) => View,
): Promise<{ result: Result; view: View }> {
  let view = whole
  let result = await predict(whole, null)
  for (let round = 0; round < ROUNDS; round++) {
    const next = choose(result)
    if (!round && !next.tileSize) return { result, view: next }
    if (!next.tileSize || (round && next.tileSize > WORTHWHILE * view.tileSize)) break
    view = next
    result = await predict(view, result)
  }
  return { result, view }
}
