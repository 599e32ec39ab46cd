import { test } from 'uvu'
import { normalizeImage } from '../../../engine/ops/preprocess'
import { checkOp } from '../../support/check-op'

test('normalises inside the valid part and gives 0 outside', async () => {
  const side = 6
  const mean = [123.675, 116.28, 103.53] as const
  const deviation = [58.395, 57.12, 57.375] as const
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

test.run()
