import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { patchConv, patchEmbed, toConvWeight, unfoldPatches } from '../../../engine/ops/patches'
import { checkOp } from '../../support/check-op'
import { convolution } from '../../support/conv'
import { randomArray } from '../../support/random'

test('patch embedding of two images, with position', async () => {
  const [batch, size, patch, dim] = [2, 48, 16, 24]
  const tokens = (size / patch) ** 2
  const raw = randomArray(7, dim * 3 * patch * patch)
  const weight = toConvWeight(raw, [dim, 3, patch, patch])
  const shape = { batch, height: size, width: size, cin: 3, cout: dim, kernel: patch, stride: patch, pad: 0 }
  await checkOp({
    inputs: {
      image: { shape: [batch, size, size, 3] },
      weight: { shape: [dim, weight.length / dim], data: weight },
      bias: { shape: [dim] },
      position: { shape: [tokens, dim] },
    },
    build: (g, { image, weight, bias, position }) => patchEmbed(g, image, { size, patch, weight, bias, position }),
    reference: ({ image, bias, position }) =>
      convolution(shape, image, raw, bias).map((v, i) => v + position[i % (tokens * dim)]),
  })
})

test('2x2 convolutions of a mask prompt, with gradients', async () => {
  for (const [batch, height, width, cin, cout] of [
    [2, 6, 10, 1, 4],
    [1, 4, 300, 4, 16],
  ]) {
    const shape = { batch, height, width, cin, cout, kernel: 2, stride: 2, pad: 0 }
    await checkOp({
      inputs: {
        x: { shape: [batch, height, width, cin], grad: true },
        // checked as a linear weight: order (cout, ky, kx, cin)
        weight: { shape: [cout, 4 * cin], grad: true },
        bias: { shape: [cout], grad: true },
      },
      build: (g, { x, weight, bias }) => patchConv(g, x, { batch, height, width, channels: cin }, 2, { weight, bias }),
      reference: ({ x, weight, bias }) => {
        const raw = Float64Array.from(weight, (_, i) => {
          const [o, c, tap] = [Math.floor(i / (4 * cin)), Math.floor(i / 4) % cin, i % 4]
          return weight[(o * 4 + tap) * cin + c]
        })
        return convolution(shape, x, raw, bias)
      },
      samples: 16,
    })
  }
})

test('what does not divide is refused', () => {
  const g = new Graph({ maxBinding: 1e6 } as never)
  const grid = { batch: 1, height: 5, width: 4, channels: 3 }
  assert.throws(() => unfoldPatches(g, g.tensor('x', [60]), grid, 2), /5 x 4 does not divide into patches of 2/)
  assert.throws(() => unfoldPatches(g, g.tensor('x', [61]), grid, 2), /is not 1 x 5 x 4 x 3/)
  assert.throws(() => toConvWeight(new Float32Array(5), [1, 1, 2, 2]), /does not have 5 values/)
})

test.run()
