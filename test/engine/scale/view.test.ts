/** @file The view that is chosen for particles of a size: whole image, tiles, and the limits of both. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { regionSize } from '../../../engine/image/box'
import { tileCount, tileRegions } from '../../../engine/image/tiles'
import { measuredSize, statedSize } from '../../../engine/scale/particle-size'
import {
  bandOfQuantiles,
  chooseView,
  defaultBand,
  type DiameterQuantiles,
  defaultViewLimits,
  wholeView,
} from '../../../engine/scale/view'

const band = { low: 30, target: 40, high: 300 }

test('the number of tiles is that of the tiles', () => {
  for (const [width, height, side, halo] of [
    [1000, 700, 300, 40],
    [301, 90, 300, 40],
    [1, 1, 16, 0],
    [777, 1, 100, 0],
    [5000, 4000, 1024, 128],
  ])
    assert.is(tileCount({ width, height }, side, halo), tileRegions({ width, height }, side, halo).length)
})

test('particles that the whole image shows at the right size, or too large, need no tiles', () => {
  const image = { width: 2048, height: 1024 }
  for (const diameter of [60, 61, 500, 2000])
    assert.equal(chooseView(image, 1024, statedSize(diameter), band), wholeView(image, 1024, diameter))
  assert.is(chooseView(image, 1024, statedSize(60), band).magnification, 0.5)
})

test('smaller ones are magnified to the target by the largest tiles that reach it', () => {
  const image = { width: 4096, height: 3000 }
  const size = { diameter: 24, largest: 50 }
  const view = chooseView(image, 1024, size, band)
  assert.is(view.tileSize, 614, '24 px in a tile of 614 are 40 of 1024')
  assert.is(view.tileHalo, 50)
  assert.is(view.limit, null)
  assert.ok(size.diameter * view.magnification >= band.target)
  assert.ok((size.diameter * 1024) / (view.tileSize + 1) < band.target, 'a larger tile would not reach it')
  assert.is(view.tiles, tileRegions(image, view.tileSize, view.tileHalo).length)
  assert.ok(view.tiles > 1 && view.tiles <= defaultViewLimits.tiles)
})

test('nothing is magnified beyond twice its own pixels, nor cut into more tiles than the limit', () => {
  const image = { width: 4000, height: 4000 }
  const tiny = chooseView(image, 1024, { diameter: 4, largest: 6 }, band)
  assert.is(tiny.tileSize, 512)
  assert.is(tiny.magnification, 2)
  assert.equal(chooseView(image, 1024, { diameter: 4, largest: 6 }, band).limit, 'magnification')
  const few = chooseView(image, 1024, { diameter: 4, largest: 6 }, band, { magnification: 2, tiles: 9 })
  assert.is(few.limit, 'tiles')
  assert.is(few.tiles, 9)
  assert.ok(tileCount(image, few.tileSize - 1, few.tileHalo) > 9, 'a smaller tile would be one of more')
  // an image that is enlarged already has no more to show
  const small = chooseView({ width: 400, height: 300 }, 1024, { diameter: 4, largest: 6 }, band)
  assert.is(small.tileSize, 0)
  assert.is(small.limit, 'magnification')
})

test('a tile has room for the largest particle; if that takes the whole image, it is the view', () => {
  const image = { width: 2048, height: 2048 }
  const view = chooseView(image, 1024, { diameter: 20, largest: 300 }, band)
  assert.is(view.tileHalo, 300)
  assert.is(view.tileSize, 900)
  assert.is(view.limit, 'largest')
  const wide = chooseView(image, 1024, { diameter: 20, largest: 3000 }, band)
  assert.is(wide.tileSize, 0)
  assert.is(wide.limit, 'largest')
})

test('nothing known, one pixel, enormous images, thin ones', () => {
  const image = { width: 3000, height: 2000 }
  for (const size of [
    null,
    { diameter: 0, largest: 0 },
    { diameter: NaN, largest: 1 },
    { diameter: Infinity, largest: 1 },
  ])
    assert.equal(chooseView(image, 1024, size, band), wholeView(image, 1024))
  assert.is(chooseView({ width: 1, height: 1 }, 1024, { diameter: 1, largest: 1 }, band).tileSize, 0)
  const huge = chooseView({ width: 2 ** 20, height: 2 ** 20 }, 1024, { diameter: 20, largest: 30 }, band)
  assert.ok(huge.tiles <= defaultViewLimits.tiles)
  const thin = chooseView({ width: 30000, height: 10 }, 1024, { diameter: 5, largest: 9 }, band)
  assert.ok(thin.tiles > 1 && thin.tiles <= defaultViewLimits.tiles)
  for (const { region } of tileRegions({ width: 30000, height: 10 }, thin.tileSize, thin.tileHalo))
    assert.equal(regionSize(region), { width: thin.tileSize, height: 10 })
})

test('a small gain is not worth its tiles', () => {
  const view = chooseView(
    { width: 2048, height: 2048 },
    1024,
    { diameter: 30, largest: 30 },
    { low: 16, target: 16, high: 99 },
  )
  assert.is(view.tileSize, 0, '15 px instead of 16')
})

test('an adapter of a small input sees as much detail in tiles as the model would at its own input', () => {
  const image = { width: 1024, height: 768 }
  const quantiles = [20, 30, 40, 60, 90] as DiameterQuantiles
  const at = (diameter: number, factor?: number) =>
    chooseView(image, 256, { diameter, largest: 1.25 * diameter }, bandOfQuantiles(quantiles, factor))
  // 40 px are 10 at 256, and 40 at the model's own 1024: what training saw most
  assert.is(at(40).tileSize, 256)
  assert.equal(at(40, 4), at(40))
  // 56 px are 56 there: as large as that, although the median of training was 40
  assert.is(at(56).tileSize, 358)
  assert.is(at(56, 4).tileSize, 256)
  // never above what three quarters of the particles in training did not exceed
  assert.is(at(100, 4).tileSize, Math.floor((256 * 100) / 60))
  // also where particles have in the whole image a size that training saw, here 33 pixels
  assert.is(at(130, 4).tileSize, Math.floor((256 * 130) / 60))
  assert.is(at(130).tileSize, 0)
  // unless little would be gained, or they are larger than those of training
  assert.is(at(220, 4).tileSize, 0)
  assert.is(at(400, 4).tileSize, 0)
  assert.equal(bandOfQuantiles(quantiles, 1), bandOfQuantiles(quantiles))
})

test('bands and limits that make no sense are refused', () => {
  const image = { width: 100, height: 100 }
  for (const wrong of [
    { low: 40, target: 30, high: 300 },
    { low: 30, target: 400, high: 300 },
    { low: 0, target: 40, high: 300 },
    { low: NaN, target: 40, high: 300 },
    { low: 1, target: 40, high: Infinity },
  ])
    assert.throws(() => chooseView(image, 64, statedSize(3), wrong), /ascends/)
  for (const finer of [
    { factor: 0.5, most: 50 },
    { factor: 2, most: 20 },
    { factor: 2, most: 301 },
  ])
    assert.throws(() => chooseView(image, 64, statedSize(3), { low: 30, target: 40, high: 300, finer }), /finer tiles/)
  for (const limits of [
    { magnification: 0, tiles: 4 },
    { magnification: 2, tiles: 0 },
    { magnification: 2, tiles: NaN },
  ])
    assert.throws(() => chooseView(image, 64, statedSize(3), defaultBand, limits), /1 tile/)
})

test('measured sizes: the median, the longest but a few, and nothing of too few', () => {
  const of = (diameters: number[]) => diameters.map((diameter) => ({ diameter, length: 2 * diameter }))
  assert.equal(measuredSize(of([30, 10, 20])), { diameter: 20, largest: 58 })
  assert.is(measuredSize([]), null)
  assert.is(measuredSize(of([10, 20]), 3), null)
  assert.is(measuredSize(of([0, NaN, -1])), null, 'empty masks have no size')
  assert.is(measuredSize(of([10, 10, 10, 10, 0, 4000]))!.diameter, 10, 'a wrong mask among many decides nothing')
})

test.run()
