/** @file Gradients of every kind of adapted layer, through whole models, against finite differences of the loss. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { maskStatistics, weightedMaskLoss } from '../../../engine/ops/mask-loss'
import { tokenCounts } from '../../../engine/sam/prompt-batch'
import type { SamModel } from '../../../engine/sam/sam-model'
import { LORA_TARGETS, type LoraTarget } from '../../../engine/train/lora'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'
import { adapt, modelInputs, openToy, toyBatch } from '../../support/toy'

const vit = await openToy('toy_vit', 48)
const tiny = await openToy('toy_tiny_vit', 48)
const ALL = [...LORA_TARGETS] as LoraTarget[]

/** The loss of a fixed batch as a function of the parameters, recorded with its gradient. */
async function lossOf(model: SamModel, zero: (g: Graph) => void) {
  const batch = toyBatch(model, 9, [2], 2)
  const g = new Graph(engine, true)
  zero(g)
  const t = modelInputs(g, model, 1, 2, 3)
  const upstream = g.input('upstream', [1])
  const targets = g.input('targets', [2, model.maskSide ** 2])
  const weights = g.input('weights', [2, 4])
  const { logits, iou } = model.decode(g, model.encode(g, t.images, t.sizes), t)
  g.keep(iou)
  const ofIou = g.input('upstream of the IoU', iou.shape)
  g.seed([[iou, ofIou]])
  const terms = { logits, targets, dice: 1, bce: 1, smooth: 1 }
  const loss = g.keep(weightedMaskLoss(g, { ...terms, perMask: maskStatistics(g, terms), weights }))
  g.backward(loss, upstream)
  const program = await g.compile()
  const { images, sizes, coords, labels, imageIndex } = batch
  for (const [name, data] of Object.entries({ images, sizes, coords, labels, imageIndex }))
    program.write(t[name as keyof typeof t], data)
  program.write(t.counts, tokenCounts(labels, 3))
  program.write(targets, batch.targets)
  program.write(
    weights,
    randomArray(4, 8).map((w) => 0.3 + 0.2 * w),
  )
  /**
   * Whether the loss is that of the masks, or a linear one of the IoU predictions (the real one compares with jumps).
   */
  const use = (part: 'masks' | 'iou') => {
    const share = part === 'masks' ? 1 : 0
    const factors = randomArray(6, iou.size, 1 - share)
    program.write(upstream, Float32Array.of(share))
    program.write(ofIou, factors)
    return async () => {
      program.run()
      if (share) return (await program.read(loss))[0]
      return (await program.read(iou)).reduce((sum, x, i) => sum + x * factors[i], 0)
    }
  }
  return { program, use }
}

interface Piece {
  name: string
  start: number
  end: number
}

/** The matrices' elements by target and by A or B: every piece is a range of a parameter. */
function piecesByTarget({ layers, parameters, config }: ReturnType<typeof adapt>): Map<string, Piece[]> {
  const groups = new Map<string, Piece[]>()
  const put = (group: string, piece: Piece) => groups.set(group, [...(groups.get(group) ?? []), piece])
  for (const { path, linear, parts } of layers) {
    const [, k] = linear.weight.shape
    let row = 0
    parts.forEach(({ name, start, end }, i) => {
      const kind = path.includes('iou_prediction_head') ? 'iou' : name.slice(name.lastIndexOf('.') + 1)
      const target = (path.startsWith('mask_decoder') ? 'decoder.' : '') + kind
      put(`${target} A`, { name: `${path}.lora_A`, start: i * config.rank * k, end: (i + 1) * config.rank * k })
      const next = row + end - start
      put(`${target} B`, { name: `${path}.lora_B`, start: row * config.rank, end: next * config.rank })
      row = next
    })
    assert.is(row * config.rank, parameters.get(`${path}.lora_B`).size)
  }
  return groups
}

test('gradients of every target against finite differences of the loss, along two directions of its matrices', async () => {
  for (const model of [vit, tiny]) {
    const adapted = adapt(model, { rank: 3, targets: ALL })
    const { adapter, parameters } = adapted
    const { program, use } = await lossOf(model, (g) => parameters.zeroGradients(g))
    const groups = piecesByTarget(adapted)
    assert.is(groups.size, 2 * ALL.length)
    for (const [group, pieces] of groups) {
      const run = use(group.startsWith('decoder.iou') ? 'iou' : 'masks')
      await run()
      const values = new Map<string, Float32Array>()
      const gradients = new Map<string, Float32Array>()
      for (const { name } of pieces) {
        values.set(name, await engine.read(parameters.get(name)))
        gradients.set(name, await engine.read(parameters.get(name).grad!))
      }
      const gradient = Float64Array.from(
        pieces.flatMap(({ name, start, end }) => [...gradients.get(name)!.subarray(start, end)]),
      )
      const size = Math.hypot(...gradient)
      assert.ok(size > 1e-3, `${group}: its gradient is ${size}`)
      const random = randomArray(200, gradient.length)
      const length = Math.hypot(...random)
      // along the gradient, where the signal is strongest, and with twice as much of a random direction, which sees the
      // rest
      const along = gradient.map((x) => x / size)
      for (const direction of [along, along.map((x, i) => x + (2 * random[i]) / length)]) {
        const expected = direction.reduce((sum, u, i) => sum + u * gradient[i], 0)
        const at = async (step: number) => {
          let i = 0
          for (const { name, start, end } of pieces) {
            const moved = values.get(name)!.slice()
            for (let j = start; j < end; j++) moved[j] += step * direction[i++]
            engine.write(parameters.get(name), moved)
          }
          return run()
        }
        // f32 gives the loss to about 2e-7, and its kinks (ReLU) forbid long steps: the first of these that agrees
        // counts
        const errors: number[] = []
        for (const step of [4e-3, 1.5e-3, 6e-4, 2e-4]) {
          errors.push(Math.abs(((await at(step)) - (await at(-step))) / (2 * step) - expected) / size)
          if (errors[errors.length - 1] < 0.01) break
        }
        assert.ok(
          errors.some((error) => error < 0.01),
          `${group}: off by ${errors.join(', ')} of the gradient`,
        )
      }
      for (const { name } of pieces) engine.write(parameters.get(name), values.get(name)!)
    }
    program.destroy()
    adapter.release()
    parameters.release()
  }
})

test.run()
