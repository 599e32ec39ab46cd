import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { depthwiseConv3x3, toDepthwiseWeight } from '../../../engine/ops/depthwise'
import { checkOp } from '../../support/check-op'

function reference(
  x: Float64Array,
  w: Float64Array,
  bias: Float64Array,
  b: number,
  h: number,
  wd: number,
  c: number,
  s: number,
) {
  const oh = Math.ceil(h / s)
  const ow = Math.ceil(wd / s)
  const y = new Float64Array(b * oh * ow * c)
  for (let n = 0; n < b; n++)
    for (let i = 0; i < oh; i++)
      for (let j = 0; j < ow; j++)
        for (let k = 0; k < c; k++) {
          let sum = bias[k]
          for (let ky = 0; ky < 3; ky++)
            for (let kx = 0; kx < 3; kx++) {
              const sy = i * s + ky - 1
              const sx = j * s + kx - 1
              if (sy < 0 || sx < 0 || sy >= h || sx >= wd) continue
              sum += x[((n * h + sy) * wd + sx) * c + k] * w[(ky * 3 + kx) * c + k]
            }
          y[((n * oh + i) * ow + j) * c + k] = sum
        }
  return y
}

for (const [batch, height, width, channels, stride] of [
  [2, 5, 7, 4, 1],
  [2, 5, 7, 4, 2],
  [1, 8, 6, 68, 2],
  // more pixels in a line than one lane computes on a software adapter
  [1, 3, 20, 20, 1],
  [1, 2, 41, 8, 2],
  [1, 1, 1, 4, 1],
] as const)
  test(`depthwise ${batch}x${height}x${width}x${channels}, stride ${stride}`, async () => {
    await checkOp({
      inputs: {
        x: { shape: [batch * height * width, channels], grad: true },
        weight: { shape: [9, channels] },
        bias: { shape: [channels] },
      },
      build: (g, { x, weight, bias }) => depthwiseConv3x3(g, x, { batch, height, width, stride, weight, bias }),
      reference: ({ x, weight, bias }) => reference(x, weight, bias, batch, height, width, channels, stride),
    })
  })

test('the order of a checkpoint’s weight', () => {
  const data = Float32Array.from({ length: 18 }, (_, i) => i)
  assert.equal([...toDepthwiseWeight(data, [2, 1, 3, 3]).subarray(0, 4)], [0, 9, 1, 10])
})

test.run()
