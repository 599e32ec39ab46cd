import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { convTranspose2x2, toTransposeWeight } from '../../../engine/ops/upscale'
import { checkOp } from '../../support/check-op'
import { randomArray } from '../../support/random'

test('ConvTranspose 2x2 against its definition', async () => {
  const [batch, height, width, inputs, outputs] = [2, 3, 5, 7, 8]
  const raw = randomArray(3, inputs * outputs * 4)
  await checkOp({
    inputs: {
      x: { shape: [batch * height * width, inputs], grad: true },
      weight: { shape: [4 * outputs, inputs], data: toTransposeWeight(raw, [inputs, outputs, 2, 2]) },
      bias: { shape: [4 * outputs], data: Float32Array.from({ length: 4 * outputs }, (_, i) => (i % outputs) / 10) },
    },
    build: (g, { x, weight, bias }) => convTranspose2x2(g, x, { batch, height, width, weight, bias }),
    reference: ({ x }) => {
      const y = new Float64Array(batch * 4 * height * width * outputs)
      for (let b = 0; b < batch; b++)
        for (let r = 0; r < 2 * height; r++)
          for (let c = 0; c < 2 * width; c++)
            for (let o = 0; o < outputs; o++) {
              let sum = o / 10
              const from = ((b * height + (r >> 1)) * width + (c >> 1)) * inputs
              for (let i = 0; i < inputs; i++) sum += x[from + i] * raw[((i * outputs + o) * 2 + (r % 2)) * 2 + (c % 2)]
              y[((b * 2 * height + r) * 2 * width + c) * outputs + o] = sum
            }
      return y
    },
  })
})

test('weight and bias of ConvTranspose 2x2 train, with the input and without it', async () => {
  const [batch, height, width, inputs, outputs] = [2, 3, 4, 5, 4]
  for (const grad of [true, false])
    await checkOp({
      inputs: {
        x: { shape: [batch * height * width, inputs], grad },
        weight: { shape: [4 * outputs, inputs], grad: true },
        bias: { shape: [4 * outputs], grad: true },
      },
      build: (g, { x, weight, bias }) => convTranspose2x2(g, x, { batch, height, width, weight, bias }),
      reference: ({ x, weight, bias }) =>
        Float64Array.from({ length: batch * 4 * height * width * outputs }, (_, at) => {
          const [pixel, o] = [Math.floor(at / outputs), at % outputs]
          const [line, c] = [Math.floor(pixel / (2 * width)), pixel % (2 * width)]
          const row = ((line % 2) * 2 + (c % 2)) * outputs + o
          const from = ((line >> 1) * width + (c >> 1)) * inputs
          let sum = bias[row]
          for (let i = 0; i < inputs; i++) sum += x[from + i] * weight[row * inputs + i]
          return sum
        }),
    })
})

test('the order of a checkpoint’s weight', () => {
  const data = Float32Array.from({ length: 8 }, (_, i) => i)
  assert.equal([...toTransposeWeight(data, [2, 1, 2, 2])], [0, 4, 1, 5, 2, 6, 3, 7])
})

test.run()
