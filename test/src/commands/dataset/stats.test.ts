import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { histogram, histogramSvg } from '../../../../src/dataset/size-histogram'
import { measureLabels, quantiles, summariseDataset } from '../../../../src/dataset/stats'
import { command as split } from '../../../../src/commands/dataset/split'
import { command as stats } from '../../../../src/commands/dataset/stats'
import { refusal, scratch } from '../../../support/files'
import { discs, pair, run } from '../../../support/dataset-folders'

const labels = (text: string) => {
  const rows = text.split(' ')
  return { width: rows[0].length, height: rows.length, data: Uint16Array.from(rows.join(''), Number) }
}

test('areas, coverage, touching instances (also at corners), instances at the edge', () => {
  // 1 and 2 touch only at a corner; 3 touches none; 4 is at the edge, next to 5
  const map = labels('0000000000 0110000000 0110003000 0002003044 0002000055 0000000000')
  const { image, areas } = measureLabels({ id: 'a', group: 'g' }, map)
  assert.equal(areas, [4, 2, 2, 2, 2])
  assert.equal([image.instances, image.touching, image.border, image.coverage], [5, 4, 2, 12 / 60])
  const alone = measureLabels({ id: 'b', group: 'g' }, labels('000 010 000'))
  assert.equal([alone.image.touching, alone.image.border], [0, 0])
  const sum = summariseDataset([{ image, areas }, alone])
  assert.equal([sum.images, sum.groups, sum.instances, sum.touching, sum.border], [2, 1, 6, 4 / 6, 2 / 6])
  assert.equal(sum.sizes, [
    { width: 10, height: 6, images: 1 },
    { width: 3, height: 3, images: 1 },
  ])
  assert.is(sum.diameter!.max, Math.sqrt(16 / Math.PI))
  const none = summariseDataset([])
  assert.equal([none.area, none.touching], [null, 0])
})

test('touching does not wrap around the rows', () => {
  const { image } = measureLabels({ id: 'a', group: 'g' }, labels('0001 2000 0000'))
  assert.is(image.touching, 0)
})

test('quantiles are interpolated', () => {
  const q = quantiles([4, 1, 3, 2])!
  assert.equal([q.min, q.p25, q.median, q.p75, q.max, q.mean], [1, 1.75, 2.5, 3.25, 4, 2.5])
  assert.equal(quantiles([7])!.p95, 7)
  assert.is(quantiles([]), null)
})

test('histograms include every value, also at the ends', () => {
  for (const values of [
    [1, 2, 3, 10],
    [1, 1000, 30, 30],
    [5, 5, 5],
    [0, 0, 400],
    Array.from({ length: 999 }, (_, i) => i + 1),
  ]) {
    const { edges, counts, log } = histogram(values, 10)
    assert.is(
      counts.reduce((a, b) => a + b),
      values.length,
    )
    assert.is(edges.length, 11)
    assert.is(log, Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 12)
    for (const [i, count] of counts.entries()) {
      const inside = values.filter((v) => v > edges[i] + 1e-9 && v < edges[i + 1] - 1e-9).length
      assert.ok(inside <= count)
    }
    const svg = histogramSvg({ edges, counts, log }, 'a "title" <b>', 'pixels')
    assert.is([...svg.matchAll(/<rect class="bar"/g)].length, 10)
    assert.not.match(svg, /NaN|Infinity|<b>/)
  }
  assert.is(histogramSvg(histogram([]), 'none', 'x'), '')
})

test('the command: a table by parts, JSON, a page and a figure', async () => {
  const folder = scratch()
  for (let i = 0; i < 5; i++)
    await pair(
      folder,
      `p${i} <i>`,
      discs(40, 30, [
        { x: 10, y: 10, r: 3 + i, id: 1 },
        { x: 30, y: 15, r: 4, id: 2 },
      ]),
      { seed: i },
    )
  await run(split, '--data', folder, '--shares', '60,20,20')
  const data = ['--data', folder, '--split-file', join(folder, 'split.json')]
  const page = join(folder, 'page.html')
  const { out } = await run(stats, ...data, '--figure', page)
  assert.match(out, /^ +all +train +val +test\n/)
  assert.match(out, /instances +10 +6 +2 +2\n/)
  assert.match(out, /sizes of images +5 × 40x30/)
  const html = readFileSync(page, 'utf8')
  assert.is([...html.matchAll(/<svg/g)].length, 3)
  assert.ok(html.includes('p0 &lt;i&gt;') && !html.includes('p0 <i>'))
  const json = JSON.parse((await run(stats, ...data, '--json', '--figure', join(folder, 'x.svg'))).out)
  assert.equal([json.all.instances, json.train.images, json.images.length], [10, 3, 5])
  assert.match(readFileSync(join(folder, 'x.svg'), 'utf8'), /^<svg xmlns/)
  assert.match(await refusal(run(stats, ...data, '--figure', 'x.pdf')), /ends in .html or .svg/)
})

test.run()
