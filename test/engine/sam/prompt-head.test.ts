/** @file The prompt head against a float64 reference, its gradients, its layouts, and the maps of an encoded image. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { Rng } from '../../../engine/rng'
import { Predictor } from '../../../engine/sam/predictor'
import {
  fromHeadLayout,
  type HeadTensor,
  newPromptHead,
  PromptHead,
  promptHeadShapes,
  toHeadLayout,
} from '../../../engine/sam/prompt-head'
import { PromptMapReader } from '../../../engine/sam/prompt-map-reader'
import { checkOp, type Input } from '../../support/check-op'
import { convolution } from '../../support/conv'
import { engine } from '../../support/engine'
import { randomArray, relativeError } from '../../support/random'
import { gelu } from '../../support/reference'
import { openToy, toyImages } from '../../support/toy'

type Numbers = Float32Array | Float64Array

/** The logits of a head in PyTorch's layout, by its definition: x is (batch, side, side, channels). */
function reference(x: Numbers, side: number, weight: (name: string) => Numbers): Float64Array {
  const [c1, c2, c3] = [1, 2, 3].map((i) => weight(`prompt_head.norm${i}.weight`).length)
  const batch = 1
  const norm = (y: Float64Array, i: number, channels: number) => {
    const [gamma, beta] = ['weight', 'bias'].map((part) => weight(`prompt_head.norm${i}.${part}`))
    return y.map((_, at) => {
      const row = y.subarray(at - (at % channels), at - (at % channels) + channels)
      const mean = row.reduce((a, b) => a + b) / channels
      const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / channels
      return gelu(((y[at] - mean) / Math.sqrt(variance + 1e-6)) * gamma[at % channels] + beta[at % channels])
    })
  }
  const upscale = (y: Float64Array, name: string, edge: number, from: number, to: number) =>
    Float64Array.from({ length: 4 * edge * edge * to }, (_, at) => {
      const [o, column, line] = [at % to, Math.floor(at / to) % (2 * edge), Math.floor(at / to / (2 * edge))]
      const pixel = ((line >> 1) * edge + (column >> 1)) * from
      let sum = 0
      for (let i = 0; i < from; i++)
        sum += y[pixel + i] * weight(name)[(i * to + o) * 4 + (line % 2) * 2 + (column % 2)]
      return sum
    })
  const shape = { batch, kernel: 3, stride: 1, pad: 1 }
  const images = Array.from({ length: x.length / (side * side * (weight('prompt_head.conv1.weight').length / 9 / c1)) })
  const each = x.length / images.length
  const cin = each / side ** 2
  return Float64Array.from(
    images.flatMap((_, image) => {
      const own = x.subarray(image * each, (image + 1) * each)
      const first = { ...shape, height: side, width: side, cin, cout: c1 }
      const y1 = norm(convolution(first, own, weight('prompt_head.conv1.weight'), null), 1, c1)
      const y2 = norm(upscale(y1, 'prompt_head.upscale1.weight', side, c1, c2), 2, c2)
      const y4 = norm(upscale(y2, 'prompt_head.upscale2.weight', 2 * side, c2, c3), 3, c3)
      const last = { ...shape, height: 4 * side, width: 4 * side, cin: c3, cout: 3 }
      return [...convolution(last, y4, weight('prompt_head.conv2.weight'), weight('prompt_head.conv2.bias'))]
    }),
  )
}

/** Random tensors in PyTorch's layout, narrower than those that wgsam makes, so that finite differences are fast. */
function narrow(channels: number): HeadTensor[] {
  const shapes: Record<string, number[]> = { conv1: [8], upscale1: [8, 4], upscale2: [4, 4] }
  return [...promptHeadShapes(channels, (name) => shapes[name.split('.')[1]])].map(([name, shape], i) => {
    const data = randomArray(
      40 + i,
      shape.reduce((a, b) => a * b),
      0.5,
    )
    return { name, shape, data: /norm.\.weight/.test(name) ? data.map((v) => 1 + v) : data }
  })
}

test('logits, and the gradients of every weight and of the embedding', async () => {
  const [side, channels, images] = [3, 4, 2]
  const tensors = narrow(channels).map(toHeadLayout)
  /** For every element of a tensor in PyTorch's layout, its place in the kernels' layout. */
  const places = new Map(
    tensors.map(({ name, shape, data }) => [name, fromHeadLayout({ name, shape, data: data.map((_, i) => i) }).data]),
  )
  const inputs: Record<string, Input> = { x: { shape: [images * side * side, channels], grad: true } }
  for (const { name, shape, data } of tensors) inputs[name] = { shape, data, grad: true }
  await checkOp({
    inputs,
    build: (g, t) => new PromptHead((name) => t[name]).record(g, t.x, side),
    reference: (t) => {
      const torch = new Map([...places].map(([name, at]) => [name, Float64Array.from(at, (i) => t[name][i])]))
      return reference(t.x, side, (name) => torch.get(name)!)
    },
    samples: 12,
    epsilon: 1e-5,
    tolerance: 5e-6,
    gradientTolerance: 5e-5,
  })
})

test('a new head depends on its seed only, and both layouts hold the same numbers', () => {
  const [head, same, other] = [1, 1, 2].map((seed) => newPromptHead(32, new Rng(seed)))
  assert.equal(head, same)
  assert.not.equal(head, other)
  for (const tensor of head) assert.equal(fromHeadLayout(toHeadLayout(tensor)), tensor)
  const narrowed = narrow(5).map(toHeadLayout)
  assert.equal(narrowed.find(({ name }) => name.includes('conv1'))!.shape, [8, 45])
  assert.equal(narrowed.find(({ name }) => name.includes('upscale1'))!.shape, [16, 8])
})

test('the maps of an encoded image, for both encoders and several input sizes', async () => {
  for (const [name, size] of [
    ['toy_vit', 48],
    ['toy_vit', 80],
    ['toy_tiny_vit', 48],
  ] as const) {
    const model = await openToy(name, size)
    const tensors = newPromptHead(model.architecture.outChannels, new Rng(3))
    const uploaded = new Map(
      tensors.map(toHeadLayout).map(({ name, shape, data }) => [name, engine.weight(name, shape, data)]),
    )
    const head = new PromptHead((name) => uploaded.get(name)!)
    const predictor = await Predictor.create(model)
    const reader = await PromptMapReader.create(engine, head, predictor.encoded)
    const weights = new Map(tensors.map(({ name, data }) => [name, data]))
    let last: Float32Array | null = null
    for (const seed of [1, 2]) {
      predictor.setImages(toyImages(seed, 1, size), Uint32Array.of(size, size))
      const maps = await reader.read()
      assert.is(maps.side, model.maskSide)
      const logits = reference(await predictor.embedding(), model.side, (key) => weights.get(key)!)
      ;[maps.foreground, maps.centre, maps.distance].forEach((map, k) => {
        const expected = Float64Array.from(map, (_, i) => 1 / (1 + Math.exp(-logits[3 * i + k])))
        assert.is(map.length, size ** 2 / 16)
        assert.ok(relativeError(map, expected) < 1e-5, `${name} ${size}, map ${k}`)
      })
      assert.not.equal(maps.centre, last)
      last = maps.centre
    }
    reader.destroy()
    predictor.destroy()
    model.release()
  }
})

test('an embedding that does not fit is refused', async () => {
  const tensors = new Map(
    narrow(4)
      .map(toHeadLayout)
      .map(({ name, shape, data }) => [name, engine.weight(name, shape, data)]),
  )
  const head = new PromptHead((name) => tensors.get(name)!)
  const g = new Graph(engine)
  assert.throws(() => head.record(g, g.input('x', [9, 8]), 3), /is not 1x3x3x4/)
  assert.throws(() => head.record(g, g.input('x', [10, 4]), 3), /is not/)
  const two = engine.persistent('activation', 'embedding', [18, 4])
  const refused = await PromptMapReader.create(engine, head, two).then(
    () => null,
    (error: Error) => error.message,
  )
  assert.match(refused!, /not the embedding of one image/)
})

test.run()
