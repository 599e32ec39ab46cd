import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Rng } from '../../../engine/rng'
import { chooseImages, makeSplit, openSplit, parts, type Grouped } from '../../../src/dataset/split'
import { refusal, scratch } from '../../support/files'

const list = (...sizes: number[]): Grouped[] =>
  sizes.flatMap((size, g) => Array.from({ length: size }, (_, i) => ({ id: `g${g}-${i}`, group: `g${g}` })))

const groupsOf = (ids: string[]) => new Set(ids.map((id) => id.split('-')[0]))

test('groups stay whole, every image is in one part, shares are near 70/20/10', () => {
  const items = list(...Array.from({ length: 40 }, (_, i) => 1 + (i % 5)))
  for (let seed = 0; seed < 20; seed++) {
    const split = makeSplit(items, { seed })
    assert.equal(parts.flatMap((p) => split[p]).sort(), items.map(({ id }) => id).sort())
    const groups = parts.map((p) => groupsOf(split[p]))
    assert.is(groups[0].size + groups[1].size + groups[2].size, 40)
    for (const [i, share] of [0.7, 0.2, 0.1].entries())
      assert.ok(Math.abs(split[parts[i]].length / items.length - share) < 0.02)
  }
})

test('with three groups or more no part is empty', () => {
  for (const sizes of [
    [1, 1, 1],
    [10, 10, 10],
    [100, 1, 1],
    [50, 50, 1, 1],
    [1, 1, 1, 1],
  ])
    for (let seed = 0; seed < 5; seed++)
      for (const part of parts) assert.ok(makeSplit(list(...sizes), { seed })[part].length, `${sizes} ${part}`)
  assert.equal(makeSplit(list(5), { seed: 1 }), { train: list(5).map(({ id }) => id), val: [], test: [] })
  assert.equal(makeSplit(list(2, 2, 2), { seed: 1, shares: [1, 0, 0] }).train.length, 6)
  assert.throws(() => makeSplit(list(1), { seed: 1, shares: [0, 0, 0] }), /shares/)
})

test('the seed decides, the order of the items does not', () => {
  const items = list(...new Array(30).fill(1))
  const shuffled = new Rng(5).shuffle([...items])
  assert.equal(makeSplit(items, { seed: 1 }), makeSplit(shuffled, { seed: 1 }))
  assert.not.equal(makeSplit(items, { seed: 1 }), makeSplit(items, { seed: 2 }))
})

test('a choice of images depends on the seed alone, and a larger one only adds to it', () => {
  const ids = list(...new Array(30).fill(1)).map(({ id }) => id)
  const sorted = [...ids].sort()
  assert.equal(chooseImages(ids, null, 1), sorted)
  assert.equal(chooseImages(ids, 99, 1), sorted)
  let before: string[] = []
  for (const most of [1, 2, 5, 10]) {
    const chosen = chooseImages(ids, most, 1)
    assert.is(new Set(chosen).size, most)
    assert.ok(before.every((id) => chosen.includes(id)))
    assert.equal(chooseImages([...ids].reverse(), most, 1), chosen)
    before = chosen
  }
  assert.not.equal(chooseImages(ids, 10, 2), before)
})

test('one image is trained on; of two, one validates', () => {
  const counts = (n: number) => parts.map((part) => makeSplit(list(...new Array(n).fill(1)), { seed: 0 })[part].length)
  assert.equal([1, 2, 3, 5].map(counts), [
    [1, 0, 0],
    [1, 1, 0],
    [1, 1, 1],
    [3, 1, 1],
  ])
})

test('the file is written once and kept, whatever the seed asked for later', async () => {
  const path = join(scratch(), 'run/split.json')
  const items = list(3, 3, 3, 3)
  const first = await openSplit(path, items, { seed: 1 })
  const text = readFileSync(path, 'utf8')
  assert.equal(await openSplit(path, [...items].reverse(), { seed: 99 }), first)
  assert.is(readFileSync(path, 'utf8'), text)
})

test('a file that does not fit is refused and says how', async () => {
  const path = join(scratch(), 'split.json')
  const items = list(3, 3, 3, 3)
  const split = await openSplit(path, items, { seed: 1 })
  const refused = (given = items) => refusal(openSplit(path, given, { seed: 1 }))
  assert.match(
    await refused(items.slice(1)),
    /split.json does not fit.*1 of its images are not in the dataset \(g0-0\)/,
  )
  assert.match(
    await refused([...items, ...list(3, 3, 3, 3, 5).slice(12)]),
    /5 images .* not in it \(g4-0, g4-1, g4-2, …\)/,
  )
  assert.match(await refused(items.map((item) => ({ ...item, group: item.id }))), /grouped differently/)
  assert.match(await refused(items.map((item) => ({ ...item, group: 'all' }))), /more than one part: all/)
  writeFileSync(path, JSON.stringify({ ...split, val: [...split.val, split.train[0]] }))
  assert.match(await refused(), /lists images twice/)
  for (const bad of ['{', '{}', JSON.stringify({ ...split, version: 2 })]) {
    writeFileSync(path, bad)
    assert.match(await refused(), /cannot use the split .*split.json/)
  }
})

test.run()
