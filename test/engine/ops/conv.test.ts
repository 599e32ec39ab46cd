import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { conv3x3 } from '../../../engine/ops/conv'
import { toConvWeight } from '../../../engine/ops/patches'
import { checkOp } from '../../support/check-op'
import { convolution } from '../../support/conv'
import { randomArray } from '../../support/random'

interface Case {
  size: [batch: number, height: number, width: number]
  channels: [cin: number, cout: number]
  stride: 1 | 2
  bias?: boolean
  scratchBytes?: number
  /** What trains; x alone by default. */
  trains?: ('x' | 'weight' | 'bias')[]
}

/** The place in a checkpoint's weight (cout, cin, 3, 3) of each element of the engine's weight. */
const placesOf = (cout: number, cin: number) =>
  toConvWeight(
    Float32Array.from({ length: cout * cin * 9 }, (_, i) => i),
    [cout, cin, 3, 3],
  )

function check({ size: [batch, height, width], channels: [cin, cout], stride, bias = true, ...rest }: Case) {
  const { scratchBytes, trains = ['x'] } = rest
  const shape = { batch, height, width, cin, cout, kernel: 3, stride, pad: 1 }
  const data = toConvWeight(randomArray(31, cout * cin * 9), [cout, cin, 3, 3])
  const places = placesOf(cout, cin)
  return checkOp({
    inputs: {
      x: { shape: [batch * height * width, cin], grad: trains.includes('x') },
      weight: { shape: [cout, 9 * cin], data, grad: trains.includes('weight') },
      bias: { shape: [cout], grad: trains.includes('bias') },
    },
    build: (g, t) =>
      conv3x3(g, t.x, { batch, height, width, stride, weight: t.weight, bias: bias ? t.bias : null, scratchBytes }),
    reference: (t) => {
      const raw = new Float64Array(t.weight.length)
      places.forEach((place, i) => (raw[place] = t.weight[i]))
      return convolution(shape, t.x, raw, bias ? t.bias : null)
    },
    samples: 20,
  })
}

test('both strides, odd and even sizes, single lines and pixels', async () => {
  await check({ size: [2, 5, 7], channels: [3, 6], stride: 1 })
  await check({ size: [2, 5, 7], channels: [3, 6], stride: 2 })
  await check({ size: [1, 6, 4], channels: [8, 5], stride: 2, bias: false })
  await check({ size: [3, 1, 9], channels: [4, 4], stride: 1 })
  await check({ size: [2, 1, 1], channels: [5, 3], stride: 2 })
  await check({ size: [1, 8, 8], channels: [32, 20], stride: 1 })
})

test('chunks that end in the middle of lines and images add up to the whole', async () => {
  for (const stride of [1, 2] as const)
    for (const rows of [1, 5, 11, 40])
      await check({ size: [2, 7, 6], channels: [4, 8], stride, scratchBytes: rows * 9 * 4 * 4 })
})

test('weight and bias train, together with the input and without it', async () => {
  const all = ['x', 'weight', 'bias'] as const
  for (const stride of [1, 2] as const)
    for (const trains of [[...all], ['weight', 'bias'], ['weight'], ['bias']] as (typeof all)[number][][])
      await check({ size: [2, 5, 7], channels: [3, 6], stride, trains })
  await check({ size: [1, 6, 4], channels: [8, 5], stride: 1, bias: false, trains: ['x', 'weight'] })
  await check({ size: [2, 1, 1], channels: [4, 3], stride: 1, trains: [...all] })
  await check({ size: [1, 9, 8], channels: [32, 20], stride: 1, trains: [...all] })
})

test('the gradients of weight and bias are the same for chunks of any size', async () => {
  for (const channels of [4, 3])
    for (const rows of [1, 5, 11, 40])
      await check({
        size: [2, 7, 6],
        channels: [channels, 8],
        stride: 1,
        scratchBytes: rows * 9 * channels * 4,
        trains: ['x', 'weight', 'bias'],
      })
})

test('what does not fit is refused', () => {
  const g = new Graph({ maxBinding: 1e6 } as never, true)
  const weight = g.tensor('w', [4, 18])
  const shape = { batch: 1, height: 3, width: 3, stride: 1 as const, weight }
  assert.throws(() => conv3x3(g, g.tensor('x', [9, 3]), shape), /w \[4,18\]: x \[9,3\] is not 1x3x3x2/)
  const lora = { rank: 1, scale: 1, a: weight, b: weight, ranges: [] }
  assert.throws(() => conv3x3(g, g.tensor('x', [9, 2]), { ...shape, lora }), /has no LoRA/)
})

test.run()
