/** @file Advice where few masks were kept, and the forecast of a long generation. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultGeneratorOptions as options } from '../../../engine/generate/generator-options'
import { fewMasks } from '../../../src/generate/few-masks'
import { Forecast } from '../../../src/generate/forecast'
import type { ImageResult } from '../../../src/generate/generate-folder'

/** An image of which `kept` masks remain. */
function image(kept: number, removed: Record<string, number>, looser: number): ImageResult {
  const file = { records: Array(kept).fill(null), removed } as unknown as NonNullable<ImageResult['file']>
  return { name: 'a', outcome: 'done', file, scores: null, looser, note: null }
}

test('it names the filter that dropped most, with numbers, and what looser thresholds would keep', () => {
  const dropped = { predictedIou: 20, stability: 313, maskNms: 22 }
  const advice = fewMasks([image(1, dropped, 40), image(2, { stability: 1 }, 22)], options)!
  assert.is(
    advice.line,
    'few masks were kept: 3 of 359 candidates on 2 images. Most were dropped by: stability (314, which must be at least 0.7). ' +
      'With looser thresholds (predicted IoU above 0.5, stability from 0.5) there are 62',
  )
  assert.is(advice.looser, true)
})

test('it is silent where there are masks enough, and proposes no thresholds that change nothing', () => {
  assert.is(fewMasks([image(10, { stability: 400 }, 60)], options), null)
  assert.is(fewMasks([], options), null)
  const none = fewMasks([image(0, { floorStability: 9 }, 0)], options)!
  assert.match(none.line, /few masks were found: 0 on 1 image, and no filter dropped any/)
  const relative = fewMasks([image(3, { relativeScore: 5 }, 4)], options)!
  assert.match(relative.line, 'score far below the best of the image (5, and 0.8 of the best is asked for)')
  const same = fewMasks([image(3, { maskNms: 5 }, 4)], options)!
  assert.equal([same.looser, / With /.test(same.line)], [false, false])
})

test('the forecast separates the encoding from the prompts, and proposes a smaller grid where it is long', () => {
  const forecast = new Forecast(3, 32)
  // 20 s of encoding, 1000 s for all prompts
  const at = (fraction: number) => forecast.update(20 + 1000 * fraction, fraction)
  assert.is(at(0), null)
  assert.is(at(1 / 16), null)
  const line = at(2 / 16)!
  assert.match(line, /^forecast: about 51 min for all 3 images, with 32 x 32 points on this adapter/)
  assert.match(line, /--points-per-side 16 takes about 13 min/)
  assert.is(at(3 / 16), null, 'once')
})

test('a short one has no proposal, and neither has one without a grid', () => {
  const short = new Forecast(1, 32)
  short.update(1, 0.1)
  assert.is(short.update(2, 0.2), 'forecast: about 10 s for the image')
  const learned = new Forecast(100, null)
  learned.update(100, 0.5)
  assert.not.match(learned.update(200, 1)!, 'points-per-side')
  const smallest = new Forecast(100, 8)
  smallest.update(100, 0.5)
  assert.match(smallest.update(200, 1)!, /^forecast: about 5 h.*--method watershed takes seconds an image/)
})

test.run()
