/** @file Full fine-tuning of chosen matrices: gradients, weights and files. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { elementwise } from '../../../engine/graph/elementwise'
import { linear } from '../../../engine/ops/linear'
import { maskSupervision } from '../../../engine/ops/mask-loss'
import { addScaled } from '../../../engine/ops/pointwise'
import { Predictor } from '../../../engine/sam/predictor'
import type { SamModel } from '../../../engine/sam/sam-model'
import { defaultOptimizer } from '../../../engine/train/adam'
import { attachFull, fullSpecs } from '../../../engine/train/full-tuning'
import { LORA_TARGETS, defaultLora, loraLayers } from '../../../engine/train/lora'
import { ParameterSet } from '../../../engine/train/parameters'
import { TrainingStep } from '../../../engine/train/training-step'
import { loadAdapter } from '../../../src/model/attach-adapter'
import { mergeModel } from '../../../src/model/merge-adapter'
import { openModel } from '../../../src/model/open-model'
import { toDifferences } from '../../../engine/train/split-adapter'
import { readAnyAdapter, writeAnyAdapter } from '../../../src/weights/any-adapter'
import { readAdapter } from '../../../src/weights/peft'
import { temporary, toyConfig } from '../../support/toy-training'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { randomArray, relativeError } from '../../support/random'
import { openToy, toyBatch, toyImages } from '../../support/toy'

const scratch = await temporary()
test.after(() => rm(scratch, { recursive: true }))
const vit = await openToy('toy_vit', 48)
const tiny = await openToy('toy_tiny_vit', 48)
const lora = { ...defaultLora, rank: 1, targets: [...LORA_TARGETS] }

test('the gradient of the weight difference inside a graph: two ranges, and a whole matrix with odd sides', async () => {
  for (const [m, n, k, parts] of [
    [
      19,
      72,
      16,
      [
        { start: 0, end: 24 },
        { start: 48, end: 72 },
      ],
    ],
    [13, 7, 5, [{ start: 0, end: 7 }]],
  ] as const) {
    const rows = parts.reduce((sum, { start, end }) => sum + end - start, 0)
    await checkOp({
      inputs: {
        x: { shape: [m, k], grad: true },
        base: { shape: [n, k] },
        delta: { shape: [rows, k], grad: true },
        residual: { shape: [m, n], grad: true },
      },
      build: (g, { x, base, delta, residual }) => {
        const weight = g.tensor('base and difference', [n, k])
        addScaled(g, base, { tensor: weight, accumulate: 0 })
        let row = 0
        for (const { start, end } of parts) {
          const b = delta.slice(row, (row += end - start))
          elementwise(g, 'combine', { a: base.slice(start, end), b, out: weight.slice(start, end) }, b.size, {})
        }
        return linear(g, x, { weight: base, tuned: { weight, delta, parts: [...parts] } }, { residual })
      },
      reference: ({ x, base, delta, residual }) => {
        const weight = base.slice()
        let row = 0
        for (const { start, end } of parts)
          for (let i = start; i < end; i++, row++) for (let l = 0; l < k; l++) weight[i * k + l] += delta[row * k + l]
        return residual.map((value, at) => {
          const [i, j] = [Math.floor(at / n), at % n]
          for (let l = 0; l < k; l++) value += x[i * k + l] * weight[j * k + l]
          return value
        })
      },
    })
  }
})

/** A step on differences of every target that are not zero. */
async function tuned(model: SamModel) {
  const layers = loraLayers(model, lora)
  const specs = fullSpecs(layers).map((spec, i) => ({ ...spec, init: randomArray(40 + i, spec.init.length, 0.02) }))
  const parameters = new ParameterSet(engine, specs)
  const tuning = await attachFull(engine, layers, (name) => parameters.get(name))
  const settings = {
    microBatch: 1,
    prompts: 2,
    slots: 3,
    loss: { dice: 1, bce: 1, iou: 0 },
    optimizer: { ...defaultOptimizer, algorithm: 'adamw' as const },
  }
  const step = await TrainingStep.create(model, parameters, settings, tuning.record)
  const batch = toyBatch(model, 9, [2], 2)
  batch.supervision.fill(maskSupervision.single)
  const once = async (rate = 0) => {
    step.run([batch], rate)
    return step.report()
  }
  return { layers, parameters, tuning, step, once }
}

/** What a prompt gives, as the model is now. */
async function outputs(model: SamModel) {
  const predictor = await Predictor.create(model, { prompts: 1, slots: 2 })
  const size = model.inputSize
  predictor.setImages(toyImages(3, 1, size), Uint32Array.of(size, size))
  const coords = Float32Array.of(20, 13, 0, 0)
  const { logits } = await predictor.predict({ coords, labels: Int32Array.of(1, -1) })
  predictor.destroy()
  return logits
}

test('gradients through whole models against the loss itself, and an update that the weights follow', async () => {
  for (const model of [vit, tiny]) {
    const before = await outputs(model)
    const { parameters, tuning, step, once } = await tuned(model)
    const start = await once()
    assert.not.equal(await outputs(model), before, 'the differences are in the weights from the start')
    const groups = new Map<string, string[]>()
    for (const name of parameters.names) {
      const kind = name.startsWith('mask_decoder')
        ? name.replace(/^.*\.(\w+)\.delta$/, 'decoder $1')
        : name.split('.').at(-2)!
      groups.set(kind, [...(groups.get(kind) ?? []), name])
    }
    let checked = 0
    for (const [kind, names] of groups) {
      await once()
      const pieces: { name: string; gradient: Float32Array; values: Float32Array }[] = []
      for (const name of names) {
        const tensor = parameters.get(name)
        pieces.push({ name, gradient: await engine.read(tensor.grad!), values: await engine.read(tensor) })
      }
      const size = Math.hypot(...pieces.flatMap(({ gradient }) => [...gradient]))
      // the IoU head has no part in this loss
      if (/^decoder [0-9]/.test(kind)) assert.is(size, 0)
      if (size < 5e-3) continue
      checked++
      const move = (distance: number) => {
        for (const { name, values, gradient } of pieces)
          engine.write(
            parameters.get(name),
            values.map((v, i) => v + (distance * gradient[i]) / size),
          )
        tuning.refresh()
      }
      const at = async (distance: number) => {
        move(distance)
        return (await once()).loss
      }
      // f32 gives the loss to about 2e-7, and its kinks (ReLU) forbid long steps: the first of these that agrees counts
      const errors: number[] = []
      for (const distance of [4e-3, 1.5e-3, 6e-4, 2e-4]) {
        errors.push(Math.abs(((await at(distance)) - (await at(-distance))) / (2 * distance) / size - 1))
        if (errors.at(-1)! < 0.01) break
      }
      assert.ok(errors.at(-1)! < 0.01, `${kind}: off by ${errors.join(', ')} of a gradient of ${size}`)
      move(0)
    }
    assert.ok(checked >= 6, `${checked} of ${groups.size} kinds have a gradient to check`)
    assert.is((await once()).loss, start.loss)
    for (let i = 0; i < 12; i++) await once(2e-3)
    const trained = (await once()).loss
    assert.ok(trained < 0.97 * start.loss, `from ${start.loss} to ${trained}`)
    step.destroy()
    tuning.adapter.release()
    parameters.release()
    assert.equal(await outputs(model), before, 'released, the model is the base again')
  }
})

test('files: the weights are the same in training, attached by eval, and written by merge', async () => {
  for (const [model, name] of [
    [vit, 'toy_vit'],
    [tiny, 'toy_tiny_vit'],
  ] as const) {
    const before = await outputs(model)
    const { layers, parameters, tuning, step, once } = await tuned(model)
    for (let i = 0; i < 2; i++) await once(1e-2)
    const expected = await outputs(model)
    const folder = join(scratch, name)
    const config = toyConfig('nowhere', { model: `golden/files/${name}.pth`, lora: { kind: 'full' } })
    const adapter = toDifferences(config, layers, await parameters.download())
    await writeAnyAdapter(folder, adapter)
    step.destroy()
    tuning.adapter.release()
    parameters.release()

    assert.equal(await readAnyAdapter(folder), adapter)
    const attached = await loadAdapter(model, folder)
    assert.ok(relativeError(await outputs(model), expected) < 1e-6)
    attached.detach()
    assert.equal(await outputs(model), before)
    attached.attach()
    assert.ok(relativeError(await outputs(model), expected) < 1e-6)
    attached.release()
    assert.equal(await outputs(model), before)

    const out = join(scratch, `${name}.safetensors`)
    const toy = JSON.parse(await readFile(`golden/files/${name}.json`, 'utf8'))
    const { changed } = await mergeModel({ model: `golden/files/${name}.pth`, adapter: folder, out, config: toy })
    assert.is(changed.length, layers.length)
    const merged = await openModel(engine, out, { config: toy, inputSize: 48 })
    const error = relativeError(await outputs(merged), expected)
    assert.ok(error < 1e-6, `${name}, merged: ${error}`)
    merged.release()
  }
})

test('files that are damaged, of another model, or of the other kind are refused by name', async () => {
  const refused = async (promise: Promise<unknown>, what: RegExp) =>
    promise.then(
      () => assert.unreachable('accepted'),
      (error: Error) => assert.match(`${error.name}: ${error.message}`, what),
    )
  const folder = join(scratch, 'toy_vit')
  await refused(readAdapter(folder), /UserError: .*adapter_config.json: peft_type/)
  await refused(
    loadAdapter(tiny, folder),
    /UserError: .*toy_vit: it was trained on .*toy_vit.pth: it adapts .*, which this model does not have/,
  )
  const { config, differences } = await readAnyAdapter(folder).then((adapter) => {
    if (!('differences' in adapter)) throw new Error('a LoRA')
    return adapter
  })
  const [[target, difference]] = differences
  const write = (D: Float32Array, inDim: number, outDim: number) =>
    writeAnyAdapter(join(scratch, 'bad'), { config, differences: new Map([[target, { D, inDim, outDim }]]) })
  await write(new Float32Array(12), 4, 3)
  await refused(loadAdapter(vit, join(scratch, 'bad')), /UserError: .* is of 3 x 4, in this model of/)
  const { D, inDim, outDim } = difference
  await write(
    D.map((d, i) => (i === 7 ? NaN : d)),
    inDim,
    outDim,
  )
  await refused(
    readAnyAdapter(join(scratch, 'bad')),
    /UserError: .*difference.weight holds numbers that are not finite/,
  )
  await write(D, inDim, outDim)
  await writeFile(join(scratch, 'bad', 'adapter_model.safetensors'), 'no tensors')
  await refused(readAnyAdapter(join(scratch, 'bad')), /UserError: .*adapter_model.safetensors/)
})

test.run()
