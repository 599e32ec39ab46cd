/** @file Views that are chosen from results: the whole image, tiles, smaller tiles, and no further. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { refineView } from '../../../engine/scale/refine-view'
import { type View, wholeView } from '../../../engine/scale/view'

const whole = wholeView({ width: 1000, height: 1000 }, 100)
const tiles = (tileSize: number): View => ({ ...whole, tileSize, tileHalo: 9, tiles: 4 })

/** Predictions that say which view should come next, one after the other. */
async function refine(...next: View[]) {
  const seen: number[] = []
  const found = await refineView(
    whole,
    async ({ tileSize }) => seen.push(tileSize),
    (count) => next[count - 1] ?? next.at(-1)!,
  )
  return { seen, ...found }
}

test('the first pass is the result where the whole image will do', async () => {
  const { seen, view, result } = await refine({ ...whole, diameter: 40 })
  assert.equal(seen, [0])
  assert.is(view.diameter, 40)
  assert.is(result, 1)
})

test('tiles, and once more in tiles that are much smaller', async () => {
  assert.equal((await refine(tiles(500))).seen, [0, 500])
  assert.equal((await refine(tiles(500), tiles(450))).seen, [0, 500])
  const twice = await refine(tiles(500), tiles(200), tiles(50))
  assert.equal(twice.seen, [0, 500, 200])
  assert.is(twice.view.tileSize, 200)
  assert.is(twice.result, 3)
})

test('tiles in which the particles turn out to be large keep their result', async () => {
  const { seen, view } = await refine(tiles(500), whole)
  assert.equal(seen, [0, 500])
  assert.is(view.tileSize, 500)
})

test.run()
