import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseVerb } from '../../../../src/cli/command'
import { command as dataset } from '../../../../src/commands/dataset'
import { checkDataset } from '../../../../src/dataset/check'
import { fingerprint, orientations, samePixels, hashDistance } from '../../../../src/dataset/fingerprint'
import { checkLabels } from '../../../../src/dataset/label-checks'
import { labelComponents } from '../../../../src/dataset/label-components'
import { command as check } from '../../../../src/commands/dataset/check'
import { png16, png8, put, refusal, scratch } from '../../../support/files'
import { discs, pair, picture, run } from '../../../support/dataset-folders'

const two = discs(40, 30, [
  { x: 10, y: 10, r: 5, id: 3 },
  { x: 28, y: 16, r: 6, id: 900 },
])
/** Pairwise different. */
const other = (n: number) =>
  discs(40, 30, [
    { x: 10 + n, y: 11, r: 5, id: 3 },
    { x: 28, y: 16, r: 6, id: 900 },
  ])

test('pieces are 8-connected and of equal labels', () => {
  const data = Uint16Array.of(1, 0, 2, 2, 0, 1, 3, 3, 1, 0, 0, 2) // 4 wide
  const { map, list } = labelComponents({ width: 4, height: 3, data })
  assert.equal(list, [
    { id: 1, area: 3 },
    { id: 2, area: 2 },
    { id: 3, area: 2 },
    { id: 2, area: 1 },
  ])
  assert.equal([...map], [1, 0, 2, 2, 0, 1, 3, 3, 1, 0, 0, 4])
})

const kinds = (width: number, height: number, data: Uint16Array) =>
  checkLabels({ width, height, data }).map(({ level, kind }) => `${level} ${kind}`)

test('faults recognised in a label map', () => {
  assert.equal(kinds(40, 30, two), [], 'gaps between the values are no matter')
  const many = (id: (n: number) => number) =>
    discs(
      200,
      200,
      Array.from({ length: 256 }, (_, n) => ({ x: 6 + 12 * (n % 16), y: 6 + 12 * (n >> 4), r: 3, id: id(n) })),
    )
  assert.equal(
    kinds(
      200,
      200,
      many(() => 255),
    ),
    ['error semantic'],
  )
  assert.equal(
    kinds(
      200,
      200,
      many((n) => n + 1),
    ),
    [],
    '256 labels need more than 8 bits',
  )
  assert.equal(
    kinds(
      200,
      200,
      many((n) => Math.min(255, n + 1)),
    ),
    ['warning pieces', 'warning overflow'],
  )
  assert.equal(
    kinds(
      200,
      200,
      many((n) => n & 255 || 255),
    ),
    ['warning pieces', 'warning overflow'],
  )
  assert.equal(
    kinds(
      40,
      30,
      two.map((v, i) => (i === 1199 ? 7 : v)),
    ),
    ['warning tiny'],
  )
  assert.equal(
    kinds(
      40,
      30,
      two.map((v) => v || 1),
    ),
    ['warning full'],
  )
  const row = (n: number) => ({ x: 8 + 12 * n, y: 15, r: 5, id: n + 1 })
  const outlined = discs(
    40,
    30,
    [0, 1, 2].map((n) => ({ ...row(n), r: 6, id: 255 })),
  )
  discs(40, 30, [0, 1, 2].map(row)).forEach((value, i) => value && (outlined[i] = value))
  const [outline] = checkLabels({ width: 40, height: 30, data: outlined })
  assert.match(outline.message, /^label 255 touches 3 of the 3 others, whose numbers end at 3: .*Set them to 0$/)
  // a particle that happens to be the last of 255 is none
  assert.equal(
    kinds(
      40,
      30,
      outlined.map((value) => (value && value < 255 ? value + 251 : value)),
    ),
    [],
  )
  const [broken] = checkLabels({ width: 40, height: 30, data: two.map((v, i) => (i < 20 ? 3 : v)) })
  assert.match(broken.message, /^1 instance of 2 with more than one connected component: label 3 has 2$/)
})

test('rotated and mirrored duplicates are recognised, and only duplicates', () => {
  const gray = (seed: number, width = 48, height = 36) => {
    const data = picture(width, height, seed)
    return { width, height, rgb: Uint8Array.from({ length: 3 * data.length }, (_, i) => data[Math.floor(i / 3)]) }
  }
  const source = gray(1)
  for (const [o, place] of orientations.entries()) {
    const [width, height] = o < 4 ? [48, 36] : [36, 48]
    const turned = { width, height, rgb: new Uint8Array(source.rgb.length) }
    for (let y = 0, at = 0; y < height; y++)
      for (let x = 0; x < width; x++, at += 3) {
        const [sx, sy] = place(x, y, 48, 36)
        for (let c = 0; c < 3; c++) turned.rgb[at + c] = source.rgb[3 * (sy * 48 + sx) + c]
      }
    assert.ok(samePixels(source, turned) && samePixels(turned, source))
    // cells of 48 / 16 by 36 / 16 pixels: rounding differs if counted from the other side
    assert.ok(hashDistance(fingerprint(source), fingerprint(turned)) <= 16, `orientation ${o}`)
    turned.rgb[100] ^= 1
    assert.not.ok(samePixels(source, turned))
    assert.is.not(fingerprint(turned).pixels, fingerprint(source).pixels)
  }
  for (let seed = 2; seed < 12; seed++)
    assert.ok(hashDistance(fingerprint(source), fingerprint(gray(seed))) > 40, `seed ${seed}`)
  const flat = { width: 48, height: 36, rgb: new Uint8Array(48 * 36 * 3).fill(9) }
  assert.is(hashDistance(fingerprint(flat), fingerprint(flat)), 256, 'flat pictures have no shape')
})

async function folderOfAll(): Promise<string> {
  const folder = scratch()
  await pair(folder, 'good', two, { seed: 1 })
  await pair(folder, 'twin "good"', other(0), { seed: 1 })
  await pair(folder, 'mirrored', other(1), { seed: 2 })
  await pair(folder, 'source', other(2), { seed: 2 })
  const flipped = picture(40, 30, 2).map((_, i, all) => all[i - (i % 40) + 39 - (i % 40)])
  await png8(join(folder, 'images/mirrored.png'), 40, 30, flipped)
  await pair(folder, 'noisy', other(3), { seed: 3 })
  await pair(folder, 'quiet', other(4), { seed: 3 })
  const noisy = picture(40, 30, 3).map((v, i) => v + (i & 1))
  await png8(join(folder, 'images/noisy.png'), 40, 30, noisy)
  await pair(folder, 'copied labels', two, { seed: 4 })
  await pair(folder, 'empty', new Uint16Array(1200), { seed: 5 })
  await pair(folder, 'turned', two, { seed: 6 })
  await png16(join(folder, 'masks/turned.png'), 30, 40, two)
  await pair(folder, 'broken', other(5), { seed: 7 })
  put(join(folder, 'images/broken.png'), 'no picture')
  await pair(folder, 'flat', other(6), { seed: 8 })
  await png8(join(folder, 'images/flat.png'), 40, 30, new Uint8Array(1200).fill(7))
  put(join(folder, 'groups.csv'), 'name,group\nnoisy,N\nquiet,Q\n')
  return folder
}

test('every finding names its files; errors are pairs that cannot be used', async () => {
  const folder = await folderOfAll()
  const report = await checkDataset(folder)
  const of = (id: string) => report.findings.filter((f) => f.id === id).map(({ level, kind }) => `${level} ${kind}`)
  assert.match(
    report.findings.find(({ kind }) => kind === 'groups')!.message,
    /no row for \d+ of \d+ images .*separate group/,
  )
  assert.equal(of('empty'), ['error pair'])
  assert.equal(of('turned'), ['error pair'])
  assert.equal(of('broken'), ['error pair'])
  assert.equal(of('flat'), ['warning flat'])
  assert.equal([...of('copied labels'), ...of('good')], ['warning same-labels'], 'said once, of the later one')
  const between = (kind: string) =>
    report.findings.filter((f) => f.kind === kind).map(({ id, message }) => [id, message].join(' '))
  assert.is(between('leak').length, 2)
  assert.match(between('leak').join('\n'), /good.* is the same image as .*good/)
  assert.match(between('leak').join('\n'), /source is the same image as mirrored/)
  assert.is(between('alike').length, 1)
  assert.match(between('alike')[0], /quiet is nearly the same image as noisy, which is in the group N, this one in Q/)
  for (const { files } of report.findings) for (const file of files) assert.ok(existsSync(file), file)
  assert.equal([report.pairs, report.errors, report.usable], [11, 5, 6])
})

test('duplicates within a group are a warning, and the exit code is 1 only for errors', async () => {
  const folder = scratch()
  await pair(folder, 'a-1', two)
  await pair(folder, 'a-2', other(0))
  await pair(folder, 'b-1', other(1), { seed: 5 })
  const apart = await run(check, '--data', folder)
  assert.is(apart.code, 1)
  assert.match(
    apart.out,
    /error: a-2: is the same image as a-1, which is in the group a-1, this one in a-2: a split may train on one/,
  )
  const together = await run(check, '--data', folder, '--group-by', '^[^-]+', '--json')
  assert.is(together.code, 0)
  const report = JSON.parse(together.out)
  assert.equal([report.errors, report.warnings, report.findings[0].kind], [0, 1, 'identical'])
  assert.match((await run(check, '--data', folder, '--group-by', '^.')).out, /3 of 3 pairs .* in 2 groups/)
  assert.match((await run(check, '--data', folder, '--group-by', '[ab]|$')).out, /0 errors, 1 warnings/)
  const one = await run(check, '--data', folder, '--group-by', '-')
  assert.match(one.out, /all images are in this one group/)
})

test('folders that are not datasets are refused; verbs are found', async () => {
  const folder = scratch()
  assert.match(await refusal(run(check, '--data', join(folder, 'none'))), /there is no folder/)
  assert.match(await refusal(run(check)), /--data DIR/)
  assert.match(await refusal(chooseVerb(dataset, ['chekc'])), /no "chekc": did you mean check/)
  assert.match(await refusal(chooseVerb(dataset, ['constructor'])), /no "constructor"/)
  assert.match(await refusal(chooseVerb(dataset, [])), /needs one of check/)
  assert.is((await chooseVerb(dataset, ['--help'])).command, dataset)
  for (const [verb, load] of Object.entries(dataset.verbs!)) {
    const { command } = await load()
    assert.is(command.name, `dataset ${verb}`)
    assert.ok(command.summary.length <= 90)
    assert.match(dataset.details!, new RegExp(`^  ${verb} `, 'm'))
  }
})

test.run()
