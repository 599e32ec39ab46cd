/** Mask logits against plain loops in float64, at several numbers of channels and sides, in mid-graph. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { maskLogits } from '../../../engine/ops/mask-logits'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'

/** The row of pixel (y, x) of an image of 4·side pixels a side. */
function rowOf(y: number, x: number, side: number): number {
  const cell = (y >> 2) * side + (x >> 2)
  const quarter = ((y >> 1) & 1) * 2 + ((x >> 1) & 1)
  return (cell * 4 + quarter) * 4 + (y & 1) * 2 + (x & 1)
}

function check(prompts: number, side: number, channels: number) {
  const pixels = 16 * side * side
  return checkOp<'h' | 'u'>({
    inputs: {
      h: { shape: [prompts, 4 * channels], grad: true },
      u: { shape: [prompts * pixels, channels], grad: true },
    },
    build: (g, { h, u }) => maskLogits(g, h, u, { prompts, side }),
    reference({ h, u }) {
      const out = new Float64Array(prompts * 4 * pixels)
      for (let p = 0; p < prompts; p++)
        for (let m = 0; m < 4; m++)
          for (let i = 0; i < pixels; i++) {
            const row = p * pixels + rowOf(Math.floor(i / (4 * side)), i % (4 * side), side)
            for (let c = 0; c < channels; c++)
              out[(p * 4 + m) * pixels + i] += h[(p * 4 + m) * channels + c] * u[row * channels + c]
          }
      return out
    },
    samples: 16,
  })
}

test('logits and both gradients', async () => {
  await check(1, 1, 4)
  await check(3, 3, 12)
  await check(2, 5, 32)
})

test('sizes that do not fit are refused', () => {
  const g = new Graph(engine)
  const [h, u] = [g.input('h', [2, 32]), g.input('u', [2 * 64, 8])]
  assert.throws(() => maskLogits(g, h, u, { prompts: 2, side: 3 }), /are not the masks and pixels of 2 prompts/)
  const [h6, u6] = [g.input('h', [2, 24]), g.input('u', [2 * 64, 6])]
  assert.throws(() => maskLogits(g, h6, u6, { prompts: 2, side: 2 }), /multiple of 4 up to 256, not 6/)
})

test.run()
