/** @file The roofline plot: well-formed XML, and each point at the position of its values. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import sharp from 'sharp'
import { roofline } from '../../bench/roofline'
import { file, micro, spread } from '../support/bench-results'

const rows = [
  micro('gemm nt <1> & "2", forward', spread(1, 1, 1), 2e9, 1e7),
  micro('attention 32x32, forward', spread(9, 10, 11), 1e9, 1e8),
  // not counted arithmetic has no place
  micro('gelu, forward', spread(1, 1, 1), 0, 1e8),
]

test('it is well-formed XML that can be rendered, with a mark for each row that has FLOPs', async () => {
  const svg = roofline(file(rows, 'card <&> "x"'))!
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
  assert.match(svg, 'gemm nt &lt;1&gt; &amp; &quot;2&quot;')
  assert.is(svg.match(/<title>/g)!.length, 2)
  assert.not.match(svg, /NaN|Infinity|undefined/)
  const { width, height } = await sharp(Buffer.from(svg)).metadata()
  assert.ok(width! > 100 && height! > 100)
})

test('a faster row is higher, one with more FLOPs per byte further right', () => {
  const svg = roofline(file(rows))!
  const marks = [...svg.matchAll(/<rect class="s\d" x="([\d.]+)" y="([\d.]+)"/g)].map(([, x, y]) => [
    Number(x),
    Number(y),
  ])
  assert.is(marks.length, 2)
  const [[gemmX, gemmY], [attentionX, attentionY]] = marks
  assert.ok(gemmX > attentionX && gemmY < attentionY)
  // two decades apart on one axis of three: 200 FLOPs a byte against 10, 2000 GFLOP/s against 100
  assert.ok(gemmX - attentionX > 50)
})

test('there is no plot without peaks or without a row for it', () => {
  assert.is(roofline({ ...file(rows), peaks: null }), null)
  assert.is(roofline(file([rows[2]])), null)
})

test.run()
