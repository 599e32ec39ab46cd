import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { byteImageShape, expandBytes, normalizeImage } from '../../../engine/ops/preprocess'
import { engine } from '../../support/engine'
import { checkOp } from '../../support/check-op'

const mean = [123.675, 116.28, 103.53] as const
const deviation = [58.395, 57.12, 57.375] as const

test('normalises inside the valid part and gives 0 outside', async () => {
  const side = 6
  const valid = [
    [6, 4],
    [3, 6],
  ]
  await checkOp({
    inputs: {
      raw: {
        shape: [2, side, side, 3],
        data: Float32Array.from({ length: 2 * side * side * 3 }, (_, i) => (i * 37) % 256),
      },
      sizes: { shape: [2, 2], data: Uint32Array.from(valid.flat()) },
    },
    build: (g, { raw, sizes }) => normalizeImage(g, raw, sizes, mean, deviation),
    reference: ({ raw }) =>
      raw.map((v, i) => {
        const [b, y, x, c] = [
          Math.floor(i / (side * side * 3)),
          Math.floor(i / (side * 3)) % side,
          Math.floor(i / 3) % side,
          i % 3,
        ]
        return y < valid[b][0] && x < valid[b][1] ? (v - mean[c]) / deviation[c] : 0
      }),
  })
})

test('all bytes give the bits that the same pixels give as f32', async () => {
  const side = 20
  const pixels = Uint8Array.from({ length: 2 * side * side * 3 }, (_, i) => (i * 37) % 256)
  const g = new Graph(engine)
  const sizes = g.input('sizes', [2, 2])
  const raw = g.input('f32', [2, side, side, 3])
  const packed = g.input('bytes', byteImageShape(2, side))
  const [fromNumbers, fromBytes] = [raw, packed].map((x) => g.keep(normalizeImage(g, x, sizes, mean, deviation)))
  const program = await g.compile()
  program.poison()
  program.write(sizes, Uint32Array.of(side, 13, 7, side))
  program.write(raw, Float32Array.from(pixels))
  program.write(packed, pixels)
  program.run()
  const expected = await program.read(fromNumbers)
  assert.ok(new Set(expected).size > 3 * 128, 'most levels of the three channels occur')
  assert.equal(await program.read(fromBytes), expected)
  program.destroy()
  assert.throws(() => normalizeImage(g, g.tensor('x', [2, 20, 20]), sizes, mean, deviation), /are not \(B, S, S, 3\)/)
})

test('bytes are expanded to their numbers, the last words of an odd length too', async () => {
  for (const words of [1, 63, 64, 1029]) {
    const pixels = Uint8Array.from({ length: 4 * words }, (_, i) => (i * 37) % 256)
    const g = new Graph(engine)
    const packed = g.input('bytes', [words])
    const y = g.keep(g.tensor('numbers', [4 * words]))
    expandBytes(g, packed, y)
    const program = await g.compile()
    program.poison()
    program.write(packed, pixels)
    program.run()
    assert.equal(await program.read(y), Float32Array.from(pixels))
    program.destroy()
    assert.throws(() => expandBytes(g, packed, g.tensor('x', [3])), /is not as long as/)
  }
})

test.run()
