/** @file Candidates of a toy model: their measures, duplicates, overlaps, other thresholds, second rounds. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { regionKey } from '../../../engine/image/box'
import type { Candidate, GeneratedSet } from '../../../engine/generate/candidate'
import { filterCandidates } from '../../../engine/generate/filter'
import { MaskGenerator } from '../../../engine/generate/generator'
import type { GeneratorOptions } from '../../../engine/generate/generator-options'
import { rethreshold } from '../../../engine/generate/rethreshold'
import { components } from '../../../engine/masks/components'
import { Predictor } from '../../../engine/sam/predictor'
import { engine } from '../../support/engine'
import { boxOf } from '../../support/masks'
import { randoms } from '../../support/random'
import { openToy } from '../../support/toy'

const model = await openToy('toy_vit', 64)
const size = { width: 150, height: 101 }

function picture(width: number, height: number) {
  const noise = randoms(1)
  const rgb = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)]
    return 128 + 80 * Math.sin(x / 9) * Math.cos(y / 7) + 20 * noise()
  })
  return { width, height, rgb }
}
const image = picture(size.width, size.height)

// the toy model's logits are noise: at this threshold its masks are specks of all sizes
const open: Partial<GeneratorOptions> = {
  pointsPerSide: 5,
  predIouThresh: 0,
  stabilityScoreThresh: 0.02,
  stabilityScoreOffset: 0.05,
  maskThreshold: 1,
  duplicateIou: 0.8,
}

async function generate(over: Partial<GeneratorOptions> = {}, hooks = {}, of = image): Promise<GeneratedSet> {
  const generator = await MaskGenerator.create(model, { ...open, ...over })
  const set = await generator.candidates(of, hooks)
  generator.destroy()
  return set
}

const pixelsOf = ({ mask }: Candidate, { width: wide } = size): Set<number> => {
  const { x0, y0, width, data } = mask
  return new Set(
    [...data.keys()].filter((i) => data[i]).map((i) => (y0 + Math.floor(i / width)) * wide + x0 + (i % width)),
  )
}

/** Checks the measures, order and overlaps of a set. Returns the pixels of each candidate. */
function checkSet({ candidates, overlaps }: Pick<GeneratedSet, 'candidates' | 'overlaps'>): Set<number>[] {
  const sets = candidates.map((c) => pixelsOf(c))
  candidates.forEach((c, i) => {
    assert.is(c.area, sets[i].size, 'the area counts the pixels')
    const [xs, ys] = [[...sets[i]].map((p) => p % size.width), [...sets[i]].map((p) => Math.floor(p / size.width))]
    assert.equal(c.box, boxOf(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)))
    assert.ok(c.token >= 1 && c.token <= 3)
    if (i) assert.ok(candidates[i - 1].predictedIou >= c.predictedIou, 'the best come first')
  })
  const expected: number[][] = []
  sets.forEach((a, i) =>
    sets.forEach((b, k) => {
      const both = k > i ? [...a].filter((p) => b.has(p)).length : 0
      if (both) expected.push([i, k, both])
    }),
  )
  assert.equal(overlaps, expected)
  return sets
}

const all = await generate()

test('the measures of candidates are those of their pixels', () => {
  assert.ok(all.candidates.length > 20)
  checkSet(all)
  const removed = Object.values(all.removed).reduce((a, b) => a + b, 0)
  assert.is(all.prompts, 25)
  assert.is(all.masks, 75)
  assert.is(all.candidates.length + removed, 75, 'every mask is a candidate or counted as removed')
})

test('a copy of a candidate holds its mask', () => {
  const [first] = all.candidates
  assert.equal({ ...first }.mask, first.mask)
  assert.equal(JSON.parse(JSON.stringify(first)).mask.width, first.mask.width)
})

test('the best of duplicates is kept', async () => {
  const every = await generate({ duplicateIou: 1 })
  const sets = checkSet(every)
  const kept: number[] = []
  every.candidates.forEach((c, i) => {
    const twice = kept.some((k) => {
      const both = [...sets[i]].filter((p) => sets[k].has(p)).length
      return both / (c.area + every.candidates[k].area - both) > 0.8
    })
    if (!twice) kept.push(i)
  })
  assert.ok(kept.length < every.candidates.length)
  const plain = ({ point, token, area }: Candidate) => ({ point, token, area })
  assert.equal(
    all.candidates.map(plain),
    kept.map((i) => plain(every.candidates[i])),
  )
  assert.is(all.removed.duplicates, every.candidates.length - kept.length)
})

test('the number of points per batch changes nothing', async () => {
  assert.equal(await generate({ pointsPerBatch: 7 }), all)
})

test('passes in flight give the same candidates, also if they need more rounds than the one before', async () => {
  const generator = await MaskGenerator.create(model, { ...open, pointsPerBatch: 4 })
  for (const passes of [2, 4]) {
    generator.inFlight = passes
    assert.equal(await generator.candidates(image), all)
  }
  generator.destroy()
})

/** Counts the regions that are encoded ahead and at once while `run` runs. */
async function countEncoded(run: (encoded: { ahead: number; atOnce: number }) => Promise<void>): Promise<void> {
  const { encodeAhead, setImage } = Predictor.prototype
  const encoded = { ahead: 0, atOnce: 0 }
  Predictor.prototype.encodeAhead = function (of) {
    encoded.ahead++
    encodeAhead.call(this, of)
  }
  Predictor.prototype.setImage = function (of) {
    encoded.atOnce++
    setImage.call(this, of)
  }
  await run(encoded).finally(() => Object.assign(Predictor.prototype, { encodeAhead, setImage }))
}

test('with passes in flight the next tile is encoded ahead, with the same candidates', async () => {
  const large = picture(330, 240)
  const options = { ...open, tileSize: 160, tileHalo: 30, pointsPerSide: 4, pointsPerBatch: 4, maskThreshold: 2.2 }
  const generator = await MaskGenerator.create(model, options)
  await countEncoded(async (encoded) => {
    generator.inFlight = 1
    const one = await generator.candidates(large)
    const tiles = encoded.atOnce
    assert.ok(tiles > 3 && one.candidates.length > 1, `${tiles} tiles, ${one.candidates.length} candidates`)
    assert.equal(encoded, { ahead: 0, atOnce: tiles })
    generator.inFlight = 3
    for (let i = 1; i <= 2; i++) {
      assert.equal(await generator.candidates(large), one)
      assert.equal(encoded, { ahead: i * (tiles - 1), atOnce: tiles + i })
    }
  })
  generator.destroy()
})

test('with passes in flight the next image is encoded ahead, with the same candidates', async () => {
  const others = [picture(90, 120), picture(150, 60)]
  for (const more of [{}, { refinePoints: 20 }, { cropNLayers: 1, refinePoints: 20 }]) {
    const generator = await MaskGenerator.create(model, { ...open, pointsPerBatch: 4, pointsPerSide: 3, ...more })
    const images = [image, ...others]
    generator.inFlight = 1
    const expected: GeneratedSet[] = []
    for (const of of images)
      expected.push(await generator.candidates(of, { next: () => assert.unreachable() as never }))
    generator.inFlight = 3
    await countEncoded(async (encoded) => {
      for (const [i, of] of images.entries()) {
        const before = { ...encoded }
        const next = () => (images[i + 1] ? { image: images[i + 1] } : null)
        assert.equal(await generator.candidates(of, { next }), expected[i])
        if (!('cropNLayers' in more)) assert.is(encoded.atOnce - before.atOnce, i ? 0 : 1, 'only the first had to wait')
        assert.ok(encoded.ahead - before.ahead >= (i < 2 ? 1 : 0))
      }
      // another image than the announced one, one in another view, and one whose bytes have changed since it was encoded
      await generator.candidates(image, { next: () => ({ image: others[1] }) })
      assert.equal(await generator.candidates(others[0]), expected[1])
      await generator.candidates(image, { next: () => ({ image: others[1], view: { tileSize: 70, tileHalo: 9 } }) })
      assert.equal(await generator.candidates(others[1]), expected[2])
      const own = { ...others[0], rgb: others[0].rgb.slice() }
      const was = await generator.candidates(own)
      assert.equal(was, expected[1])
      own.rgb.fill(9)
      assert.not.equal(await generator.candidates(own), expected[1])
    })
    generator.destroy()
  }
})

test('progress ends at the total, and an aborted run throws the reason', async () => {
  const seen: number[][] = []
  await generate({ pointsPerBatch: 10 }, { onProgress: (...both: number[]) => seen.push(both) })
  assert.equal(seen, [
    [10, 25],
    [20, 25],
    [25, 25],
  ])
  const stop = new AbortController()
  const hooks = { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) }
  const ended = await generate({ pointsPerBatch: 10 }, hooks).then(
    () => 'continued',
    (error: Error) => error.message,
  )
  assert.is(ended, 'enough')
})

test('the floors are never above the thresholds', async () => {
  const set = await generate({
    floorPredIou: 0.9,
    floorStability: 0.9,
    predIouThresh: 0.3,
    stabilityScoreThresh: 0.4,
    maskThreshold: 0.5,
  })
  assert.ok(set.removed.floorPredIou > 0 && set.candidates.length > 0)
  assert.ok(set.candidates.every((c) => c.predictedIou > 0.3 && c.stability >= 0.4))
})

test('rethreshold with the same thresholds returns the same masks', async () => {
  const again = await rethreshold(all, { maskThreshold: 1, stabilityScoreOffset: 0.05 })
  checkSet(again)
  assert.is(again.candidates.length, all.candidates.length)
  again.candidates.forEach((c, i) => {
    const one = all.candidates[i]
    assert.ok(Math.abs(c.area - one.area) <= 1 && Math.abs(c.stability - one.stability) < 0.02)
  })
})

test('rethreshold with other thresholds returns the masks that the generator finds with them', async () => {
  const every = await generate({ duplicateIou: 1 })
  for (const [maskThreshold, stabilityScoreOffset] of [
    [0.5, 0.2],
    [1.6, 0.1],
  ]) {
    const again = await rethreshold(every, { maskThreshold, stabilityScoreOffset })
    checkSet(again)
    const repeated = await generate({ duplicateIou: 1, maskThreshold, stabilityScoreOffset, stabilityScoreThresh: 0 })
    let compared = 0
    for (const c of again.candidates) {
      const one = repeated.candidates.find((o) => o.token === c.token && String(o.point) === String(c.point))
      if (!one) continue
      compared++
      assert.ok(Math.abs(c.area - one.area) <= 1 + 0.001 * one.area, `${c.area} and ${one.area} pixels`)
      assert.ok(Math.abs(c.stability - one.stability) < 0.02 + 2 / c.area)
      assert.is(c.predictedIou, one.predictedIou)
    }
    assert.ok(compared >= again.candidates.length - 2 && compared > 10, `${compared} of ${again.candidates.length}`)
  }
})

test('a threshold below the kept logits is refused; candidates without logits do not change', async () => {
  const refused = await rethreshold(all, { maskThreshold: -3, stabilityScoreOffset: 1 }).then(
    () => '',
    (e: Error) => e.message,
  )
  assert.match(refused, /logits are kept from -1.0\d* up: .* cannot be -4/)
  const bare = await generate({ keepLogits: false })
  assert.ok(bare.candidates.every((c) => !c.logits))
  const same = await rethreshold(bare, { maskThreshold: 2, stabilityScoreOffset: 1 })
  assert.equal(same.candidates, bare.candidates)
  assert.equal(same.overlaps, bare.overlaps)
})

test('holes are filled and islands dropped if the options ask for it', async () => {
  const set = await generate({ fillHoles: 30, dropIslands: 30 })
  checkSet(set)
  for (const { mask } of set.candidates) {
    const { areas } = components(mask.data, mask.width, mask.height)
    assert.ok(areas.length === 1 || areas.every((a) => a >= 30))
  }
  assert.not.equal(
    set.candidates.map((c) => c.area),
    all.candidates.map((c) => c.area),
  )
})

test('further grids add points without repetitions', async () => {
  assert.is((await generate({ pointScales: [3, 5] })).prompts, 25 + 9 - 1)
  const grids = await generate({
    pointGrids: [
      [
        [0.5, 0.5],
        [0, 1],
      ],
    ] as never,
  })
  assert.is(grids.prompts, 2)
})

test('a second round prompts where no mask is', async () => {
  const options = { predIouThresh: 0, containmentThresh: 0.8, refinePoints: 6 }
  const totals: number[] = []
  const set = await generate(options, { onProgress: (_: number, total: number) => totals.push(total) })
  checkSet(set)
  const more = set.prompts - 25
  assert.ok(more >= 1 && more <= 6, `${more} points more`)
  assert.is(totals[totals.length - 1], set.prompts)
})

test('crops and tiles: candidates are inside their region', async () => {
  const large = picture(330, 240)
  for (const over of [
    { cropNLayers: 1, maskThreshold: 2.2 },
    { tileSize: 160, tileHalo: 30, pointsPerSide: 4, maskThreshold: 2.2 },
  ]) {
    const set = await generate(over, {}, large)
    assert.ok(
      new Set(set.candidates.map((c) => regionKey(c.crop))).size > 1,
      `several regions have masks: ${set.candidates.length}`,
    )
    for (const c of set.candidates)
      for (const p of pixelsOf(c, large)) {
        const [x, y] = [p % large.width, Math.floor(p / large.width)]
        assert.ok(x >= c.crop.left && x < c.crop.right && y >= c.crop.top && y < c.crop.bottom)
      }
    // rethreshold works for them too
    const again = await rethreshold(set, { maskThreshold: 2.2, stabilityScoreOffset: 0.05 })
    again.candidates.forEach((c, i) => assert.ok(Math.abs(c.area - set.candidates[i].area) <= 1 + 0.01 * c.area))
  }
})

test('candidates can be filtered', () => {
  const { kept, removed } = filterCandidates(all, {
    predIouThresh: 0,
    stabilityScoreThresh: 0.5,
    minArea: 30,
    maxArea: 0.5,
    dropFrames: true,
    boxNmsThresh: 0.7,
    maskNmsThresh: 0.5,
    containmentThresh: 0.85,
    relativeScoreThresh: 0,
  })
  assert.is(kept.length + Object.values(removed).reduce((a, b) => a + b, 0), all.candidates.length)
})

test('one run at a time; the next run reads the bytes of an image again', async () => {
  const generator = await MaskGenerator.create(model, { ...open, pointsPerSide: 2 })
  const again = { ...image, rgb: image.rgb.slice() }
  const first = generator.candidates(again)
  const second = await generator.candidates(again).then(
    () => '',
    (error: Error) => error.message,
  )
  assert.match(second, /busy: wait for it/)
  const before = await first
  again.rgb.fill(90, 0, 20000)
  assert.not.equal((await generator.candidates(again)).candidates, before.candidates)
  generator.destroy()
})

test('a destroyed generator releases its memory', async () => {
  const before = { ...engine.bytes }
  await generate({ pointsPerSide: 2 })
  assert.equal(engine.bytes, before)
})

test.run()
