/** @file The toy models of golden/files, and prompts, adapters and micro-batches for them. */
import { readFileSync } from 'node:fs'
import { Graph } from '../../engine/graph/graph'
import type { Tensor } from '../../engine/device/tensor'
import { maskSupervision } from '../../engine/ops/mask-loss'
import { promptLabel } from '../../engine/sam/prompt-labels'
import { toUnitBytes } from '../../engine/ops/unit-bytes'
import type { SamModel } from '../../engine/sam/sam-model'
import { attachFull, fullSpecs } from '../../engine/train/full-tuning'
import { type LoraConfig, attachLora, loraLayers, loraSpecs } from '../../engine/train/lora'
import { ParameterSet } from '../../engine/train/parameters'
import { Rng } from '../../engine/rng'
import type { MicroBatch } from '../../engine/train/training-step'
import { openModel } from '../../src/model/open-model'
import { engine } from './engine'
import { randomArray, randoms } from './random'

export const openToy = (name: 'toy_vit' | 'toy_tiny_vit', inputSize?: number, on = engine): Promise<SamModel> =>
  openModel(on, `golden/files/${name}.pth`, {
    config: JSON.parse(readFileSync(`golden/files/${name}.json`, 'utf8')),
    inputSize,
  })

/** Attaches an adapter to the model. With `fill` B is random too, not zero as training starts it. */
export function adapt(model: SamModel, over: Partial<LoraConfig> = {}, fill = true, averaged = false) {
  const config: LoraConfig = { rank: 4, alpha: 8, rslora: false, targets: ['q', 'v'], blocks: null, ...over }
  const layers = loraLayers(model, config)
  const specs = loraSpecs(layers, config.rank, new Rng(5)).map((spec, i) =>
    fill && spec.name.endsWith('lora_B') ? { ...spec, init: randomArray(70 + i, spec.init.length, 0.2) } : spec,
  )
  const parameters = new ParameterSet(model.engine, specs, undefined, averaged)
  const adapter = attachLora(layers, config, (name) => parameters.get(name))
  return { config, layers, parameters, adapter }
}

/** Attaches LoRA or full fine-tuning, with values that are not zero; `end` releases it. */
export async function adaptKind(model: SamModel, kind: 'lora' | 'full', over: Partial<LoraConfig>) {
  if (kind === 'lora') {
    const { adapter, parameters } = adapt(model, over)
    return { parameters, record: undefined, end: () => (adapter.release(), parameters.release()) }
  }
  const layers = loraLayers(model, { rank: 1, alpha: 1, rslora: false, targets: ['q'], blocks: null, ...over })
  const specs = fullSpecs(layers).map((s, i) => ({ ...s, init: randomArray(40 + i, s.init.length, 0.02) }))
  const parameters = new ParameterSet(engine, specs)
  const full = await attachFull(engine, layers, (path) => parameters.get(path))
  return { parameters, record: full.record, end: () => (full.adapter.release(), parameters.release()) }
}

/** Images (count, S, S, 3) of smooth waves and noise on 0..255. */
export function toyImages(seed: number, count: number, size: number): Float32Array {
  const noise = randoms(seed)
  const [a, b, c] = [noise(), noise(), noise()]
  return Float32Array.from({ length: count * size * size * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % size
    const y = Math.floor(i / 3 / size)
    return 128 + 70 * Math.sin(a * x * 0.4 + b * y * 0.3 + c * (i % 3)) + 40 * noise()
  })
}

/** A prompt of `slots` entries: a point, the padding entry, absent ones. */
const pointPrompt = (x: number, y: number, slots: number) => ({
  coords: [x, y, ...new Array<number>(2 * slots - 2).fill(0)],
  labels: [promptLabel.foreground, promptLabel.padding, ...new Array<number>(slots - 2).fill(promptLabel.absent)],
})

/**
 * A micro-batch of `live.length` images with `live[i]` of `prompts` prompts on image i: points, with discs around them
 * as targets.
 */
export function toyBatch(
  model: SamModel,
  seed: number,
  live: readonly number[],
  prompts: number,
): MicroBatch<Float32Array> {
  const { inputSize: size, maskSide } = model
  const slots = 3
  const total = live.length * prompts
  const pixels = maskSide ** 2
  const batch: MicroBatch<Float32Array> = {
    images: new Float32Array(live.length * size * size * 3),
    sizes: new Uint32Array(live.length * 2).fill(size),
    coords: new Float32Array(total * slots * 2),
    labels: new Int32Array(total * slots).fill(promptLabel.absent),
    imageIndex: new Uint32Array(total),
    targets: new Float32Array(total * pixels),
    supervision: new Uint32Array(total),
  }
  live.forEach((count, image) => {
    batch.images.set(toyImages(seed + image, 1, size), image * size * size * 3)
    const next = randoms(100 + seed + image)
    for (let i = 0; i < count; i++) {
      const p = image * prompts + i
      const x = (0.5 + 0.35 * next()) * size
      const y = (0.5 + 0.35 * next()) * size
      const prompt = pointPrompt(x, y, slots)
      batch.coords.set(prompt.coords, p * slots * 2)
      batch.labels.set(prompt.labels, p * slots)
      batch.imageIndex[p] = image
      batch.supervision[p] = maskSupervision.best
      for (let k = 0; k < pixels; k++) {
        const dx = (k % maskSide) * 4 + 2 - x
        const dy = Math.floor(k / maskSide) * 4 + 2 - y
        batch.targets[p * pixels + k] = dx * dx + dy * dy < (size / 6) ** 2 ? 1 : 0
      }
    }
  })
  return batch
}

/** The same micro-batch in bytes, see StepConfig.inputs. */
export const asBytes = ({
  images,
  targets,
  headTargets,
  ...rest
}: MicroBatch<Float32Array>): MicroBatch<Uint8Array> => ({
  ...rest,
  images: Uint8Array.from(images),
  targets: toUnitBytes(targets),
  ...(headTargets && { headTargets: toUnitBytes(headTargets) }),
})

/** Inputs of a whole model for `images` images and `prompts` prompts. */
export function modelInputs(g: Graph, model: SamModel, images: number, prompts: number, slots: number) {
  const { inputSize: size } = model
  return {
    images: g.input('images', [images, size, size, 3]),
    sizes: g.input('sizes', [images, 2]),
    coords: g.input('coords', [prompts, slots, 2]),
    labels: g.input('labels', [prompts, slots]),
    imageIndex: g.input('image index', [prompts]),
    counts: g.input('counts', [prompts]),
  } satisfies Record<string, Tensor>
}
