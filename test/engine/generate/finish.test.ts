/** @file A search for masks that a person ends early gives what was found until then: on a whole image, in tiles, and between both. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { candidatesAtScale } from '../../../engine/generate/at-scale'
import { generate } from '../../../engine/generate/generate'
import { MaskGenerator } from '../../../engine/generate/generator'
import type { GeneratorOptions } from '../../../engine/generate/generator-options'
import type { Size } from '../../../engine/image/size'
import type { View } from '../../../engine/scale/view'
import { randoms } from '../../support/random'
import { openToy } from '../../support/toy'

const model = await openToy('toy_vit', 64)
const noise = randoms(1)
const size = { width: 150, height: 101 }
const rgb = Uint8Array.from({ length: size.width * size.height * 3 }, (_, i) => {
  const [x, y] = [Math.floor(i / 3) % size.width, Math.floor(i / 3 / size.width)]
  return 128 + 80 * Math.sin(x / 9) * Math.cos(y / 7) + 20 * noise()
})
const image = { ...size, rgb }

// the toy model's masks are noise: with these options there are some, all of them small
const options: Partial<GeneratorOptions> = {
  ...{ pointsPerSide: 8, pointsPerBatch: 8, predIouThresh: 0, stabilityScoreThresh: 0, floorPredIou: 0 },
  ...{ floorStability: 0, stabilityScoreOffset: 0.05, maskThreshold: 1 },
}
const generator = await MaskGenerator.create(model, options)

/** Ends a search when it has decoded this many prompts. */
function finishAt(prompts: number) {
  const finish = new AbortController()
  return { finish: finish.signal, onProgress: (done: number) => void (done >= prompts && finish.abort()) }
}

test('the prompts until then are the result, and the next search is complete', async () => {
  const whole = await generator.candidates(image)
  assert.is(whole.prompts, 64)
  const part = await generator.candidates(image, finishAt(16))
  assert.is(part.prompts, 16)
  assert.ok(part.candidates.length > 0 && part.candidates.length < whole.candidates.length)
  assert.ok(part.candidates.every(({ point }) => whole.candidates.some((one) => one.point.join() === point.join())))
  assert.equal(await generator.candidates(image), whole)
  const none = await generator.candidates(image, { finish: AbortSignal.abort() })
  assert.equal([none.prompts, none.candidates.length], [0, 0])
})

test('in tiles, those that were not reached are left out', async () => {
  const views: View[] = []
  const onView = (view: View) => void views.push(view)
  const { set, view } = await candidatesAtScale(generator, image, { diameter: 10 }, { ...finishAt(20), onView })
  assert.ok(view.tiles > 4, `${view.tiles} tiles`)
  assert.equal(views, [view])
  assert.ok(set.prompts >= 20 && set.prompts < 64, `${set.prompts} prompts`)
})

/** A generator that finds small particles: `found.whole` of them on the whole image, `found.tiles` in tiles. */
function finding(found: { whole: number; tiles: number }): MaskGenerator {
  const crop = { left: 0, top: 0, right: size.width, bottom: size.height }
  const particle = (i: number) => {
    const box = { x0: 10 * i, y0: 20, x1: 10 * i + 4, y1: 24 }
    return { crop, area: 20, box, predictedIou: 0.9, stability: 0.95 }
  }
  const candidates = async (of: Size, _hooks: object, view: Pick<View, 'tileSize'>) => ({
    size: of,
    candidates: Array.from({ length: view.tileSize ? found.tiles : found.whole }, (_, i) => particle(i)),
    overlaps: [],
  })
  return { options: generator.options, model, candidates } as unknown as MaskGenerator
}

test('ended when tiles have just begun, the result is that of the whole image, else that of the tiles', async () => {
  for (const [tiles, first] of [
    [3, true],
    [9, false],
  ] as const) {
    // prettier-ignore
    const finish = new AbortController()
    const seen: number[] = []
    const onView = (view: View) => void (seen.push(view.tiles), view.tiles > 1 && finish.abort())
    const hooks = { finish: finish.signal, onView }
    const { set, view } = await candidatesAtScale(finding({ whole: 6, tiles }), image, { diameter: 'auto' }, hooks)
    assert.is(seen.length, 2, 'the whole image, then tiles, and not again')
    assert.is(view.tiles, first ? 1 : seen[1])
    assert.is(set.candidates.length, first ? 6 : 9)
  }
})

test('generate takes both hooks', async () => {
  const views: number[] = []
  const onView = ({ tiles }: View) => void views.push(tiles)
  const { set } = await generate(model, image, { ...options, diameter: 'none', ...finishAt(8), onView })
  assert.is(set.prompts, 8)
  assert.equal(views, [1])
})

test.run()
