/** @file Recomputes a golden file: every output that it holds, from its own inputs, on this machine's adapter. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Engine } from '../engine/device/engine'
import { Graph } from '../engine/graph/graph'
import { weightedMaskLoss, maskStatistics } from '../engine/ops/mask-loss'
import { MASK_TOKENS } from '../engine/sam/mask-decoder'
import { Predictor, tokenCounts } from '../engine/sam/predictor'
import { label } from '../engine/sam/prompt-labels'
import type { SamModel } from '../engine/sam/sam'
import { type LoraLayer, attachLora, detachLora, loraLayers } from '../engine/train/lora'
import { ParameterSet } from '../engine/train/parameters'
import { UserError } from './errors'
import { openModel } from './model'
import { readSafetensors } from './weights/safetensors'

export interface NamedTensor {
  shape: number[]
  data: Float32Array
}

export interface GoldenFile {
  model: SamModel
  lora: { r: number; alpha: number }
  tensors: Map<string, NamedTensor>
}

/** Opens PATH/NAME: its json, tensors and model. Throws a UserError for what is missing. */
export async function openGolden(engine: Engine, base: string, fetch: boolean): Promise<GoldenFile> {
  const stem = base.replace(/\.(json|pth|golden\.safetensors)$/, '')
  const jsonPath = `${stem}.json`
  if (!existsSync(jsonPath)) throw new UserError(`${jsonPath}: there is no such file`)
  let config: { checkpoint?: string; input?: number; lora?: { r: number; alpha: number } }
  try {
    config = JSON.parse(await readFile(jsonPath, 'utf8'))
  } catch (error) {
    throw new UserError(`${jsonPath}: not JSON: ${(error as Error).message}`)
  }
  const beside = config.checkpoint && join(dirname(stem), config.checkpoint)
  const checkpoint = config.checkpoint ? (beside && existsSync(beside) ? beside : config.checkpoint) : `${stem}.pth`
  const tensors = (await readSafetensors(`${stem}.golden.safetensors`)) as Map<string, NamedTensor>
  const model = await openModel(engine, checkpoint, { inputSize: config.input, config, fetch })
  return { model, lora: config.lora ?? { r: 4, alpha: 8 }, tensors }
}

/** Computes what the file holds of `embedding`, `points.*`, `boxes.*`, `all.*`, `lora.*` and `*.grad`. */
export async function computeGolden(engine: Engine, golden: GoldenFile): Promise<Map<string, NamedTensor>> {
  const out = new Map<string, NamedTensor>()
  const wants = (name: string) => golden.tensors.has(name)
  const put = (name: string, shape: number[], data: Float32Array) => wants(name) && out.set(name, { shape, data })
  const kinds = ['points', 'boxes', 'all'].filter((k) => wants(`${k}.masks`) || wants(`${k}.iou`))
  if (kinds.length || wants('embedding')) await runPlain(golden, kinds, put)
  if (wants('target')) await runLora(engine, golden, put)
  return out
}

type Put = (name: string, shape: number[], data: Float32Array) => void

function input(golden: GoldenFile, name: string): NamedTensor {
  const tensor = golden.tensors.get(name)
  if (!tensor) throw new UserError(`the golden file lacks the input ${name}`)
  return tensor
}

/** Image `i` of `images` (b, 3, S, S) as the model takes it: (S, S, 3). */
function imageOf(golden: GoldenFile, i: number): Float32Array {
  const { shape, data } = input(golden, 'images')
  const [, channels, height, width] = shape
  const size = golden.model.inputSize
  if (channels !== 3 || height !== size || width !== size)
    throw new UserError(`images (${shape.join(', ')}): the model runs at ${size}`)
  const plane = size * size
  const out = new Float32Array(3 * plane)
  for (let c = 0; c < 3; c++) for (let p = 0; p < plane; p++) out[p * 3 + c] = data[(i * 3 + c) * plane + p]
  return out
}

async function runPlain(golden: GoldenFile, kinds: string[], put: Put): Promise<void> {
  const { model } = golden
  const { inputSize: size, side } = model
  const sizes = Uint32Array.of(size, size)
  const images = input(golden, 'images').shape[0]
  const dim = model.architecture.decoder.dim
  const cells = side * side
  const embedding = new Float32Array(images * cells * dim)
  const predictors = new Map<string, { predictor: Predictor; prompts: Prompts }>()
  for (const kind of kinds) {
    const prompts = promptsOf(golden, kind)
    const { slots, count } = prompts
    predictors.set(kind, {
      prompts,
      predictor: await Predictor.create(model, { prompts: Math.min(count, 16), slots, masks: !!prompts.masks }),
    })
  }
  const plain = predictors.values().next().value?.predictor ?? (await Predictor.create(model, { prompts: 1 }))
  for (let i = images - 1; i >= 0; i--) {
    plain.setImages(imageOf(golden, i), sizes)
    const nhwc = await plain.embedding()
    for (let p = 0; p < cells; p++)
      for (let c = 0; c < dim; c++) embedding[(i * dim + c) * cells + p] = nhwc[p * dim + c]
  }
  put('embedding', [images, dim, side, side], embedding)
  for (const [kind, { predictor, prompts }] of predictors) {
    if (predictor !== plain) predictor.setImages(imageOf(golden, 0), sizes)
    const { logits, iou } = await predictor.predict(prompts)
    put(`${kind}.masks`, [prompts.count, MASK_TOKENS, 4 * side, 4 * side], logits)
    put(`${kind}.iou`, [prompts.count, MASK_TOKENS], iou)
    predictor.destroy()
  }
  if (!predictors.size) plain.destroy()
}

interface Prompts {
  count: number
  slots: number
  coords: Float32Array
  labels: Int32Array
  masks?: Float32Array
}

/** The prompts of a kind with the reference's padding point where there is no box. */
function promptsOf(golden: GoldenFile, kind: string, entries?: number): Prompts {
  const points = kind === 'boxes' ? null : input(golden, 'points')
  const boxes = kind === 'points' ? null : input(golden, 'boxes')
  const count = Math.min(entries ?? Infinity, (points ?? boxes!).shape[0])
  const own = points ? points.shape[1] : 0
  const given = points && input(golden, 'labels').data
  const slots = own + (boxes ? 2 : 1)
  const coords = new Float32Array(count * slots * 2)
  const labels = new Int32Array(count * slots).fill(label.padding)
  for (let p = 0; p < count; p++) {
    const at = p * slots
    for (let i = 0; i < own; i++) {
      coords.set(points!.data.subarray((p * own + i) * 2, (p * own + i) * 2 + 2), (at + i) * 2)
      labels[at + i] = given![p * own + i]
    }
    if (boxes) {
      coords.set(boxes.data.subarray(p * 4, p * 4 + 4), (at + own) * 2)
      labels[at + own] = label.boxStart
      labels[at + own + 1] = label.boxEnd
    }
  }
  return { count, slots, coords, labels, masks: kind === 'all' ? input(golden, 'mask_input').data : undefined }
}

const MATRICES = ['Aq', 'Bq', 'Av', 'Bv'] as const

/** The loss with the file's adapters on, and its gradient, image by image. */
async function runLora(engine: Engine, golden: GoldenFile, put: Put): Promise<void> {
  const { model, lora, tensors } = golden
  const target = input(golden, 'target')
  const entries = target.shape[0]
  const images = input(golden, 'images').shape[0]
  const imageOfEntry = Array.from({ length: entries }, (_, i) => {
    const given = tensors.get('image')
    return given ? given.data[i] : entries > images ? 0 : i
  })
  const { layers, parameters } = adapters(engine, golden)
  const config = { rank: lora.r, alpha: lora.alpha, rslora: false, targets: ['q', 'v'] as ('q' | 'v')[], blocks: null }
  attachLora(layers, config, (name) => parameters.get(name))

  const all = promptsOf(golden, 'points', entries)
  const used = [...new Set(imageOfEntry)]
  const most = Math.max(...used.map((i) => imageOfEntry.filter((e) => e === i).length))
  const { inputSize: size, side } = model
  const pixels = (4 * side) ** 2
  const g = new Graph(engine, true)
  const t = {
    raw: g.input('images', [1, size, size, 3]),
    sizes: g.input('sizes', [1, 2]),
    coords: g.input('coords', [most, all.slots, 2]),
    labels: g.input('labels', [most, all.slots]),
    imageIndex: g.input('image index', [most]),
    counts: g.input('counts', [most]),
    targets: g.input('targets', [most, pixels]),
    weights: g.input('weights', [most, MASK_TOKENS]),
    upstream: g.input('upstream', [1]),
  }
  const { logits } = model.decode(g, model.encode(g, t.raw, t.sizes), t)
  g.keep(logits)
  const terms = { dice: 1, bce: 1, smooth: 1 }
  const perMask = g.keep(maskStatistics(g, { logits, targets: t.targets, ...terms }))
  const loss = weightedMaskLoss(g, { logits, targets: t.targets, perMask, weights: t.weights, ...terms })
  g.backward(loss, t.upstream)
  const program = await g.compile()
  const zero = new Graph(engine)
  parameters.zeroGradients(zero)
  const clear = await zero.compile()
  clear.run()

  const results = { logits: new Float32Array(entries * pixels), dice: 0, bce: 0 }
  for (const image of used) {
    const mine = imageOfEntry.flatMap((e, i) => (e === image ? [i] : []))
    const coords = new Float32Array(most * all.slots * 2)
    const labels = new Int32Array(most * all.slots).fill(label.absent)
    const targets = new Float32Array(most * pixels)
    const weights = new Float32Array(most * MASK_TOKENS)
    mine.forEach((entry, p) => {
      coords.set(all.coords.subarray(entry * all.slots * 2, (entry + 1) * all.slots * 2), p * all.slots * 2)
      labels.set(all.labels.subarray(entry * all.slots, (entry + 1) * all.slots), p * all.slots)
      targets.set(target.data.subarray(entry * pixels, (entry + 1) * pixels), p * pixels)
      weights[p * MASK_TOKENS] = 1 / entries
    })
    program.write(t.raw, imageOf(golden, image))
    program.write(t.sizes, Uint32Array.of(size, size))
    program.write(t.coords, coords)
    program.write(t.labels, labels)
    program.write(t.imageIndex, new Uint32Array(most))
    program.write(t.counts, tokenCounts(labels, all.slots))
    program.write(t.targets, targets)
    program.write(t.weights, weights)
    program.write(t.upstream, Float32Array.of(1))
    program.run()
    const masks = await program.read(logits)
    const statistics = await program.read(perMask)
    mine.forEach((entry, p) => {
      const at = p * MASK_TOKENS
      results.logits.set(masks.subarray(at * pixels, (at + 1) * pixels), entry * pixels)
      results.dice += statistics[at * 4] / entries
      results.bce += statistics[at * 4 + 1] / entries
    })
  }
  put('lora.logits', [entries, 1, 4 * side, 4 * side], results.logits)
  put('lora.dice', [1], Float32Array.of(results.dice))
  put('lora.bce', [1], Float32Array.of(results.bce))
  put('lora.loss', [1], Float32Array.of(results.dice + results.bce))
  for (const { path } of layers) {
    const block = path.replace(/^image_encoder\./, '')
    const a = await engine.read(parameters.get(`${path}.lora_A`).grad!)
    const b = await engine.read(parameters.get(`${path}.lora_B`).grad!)
    const halves = {
      Aq: a.subarray(0, a.length / 2),
      Av: a.subarray(a.length / 2),
      Bq: b.subarray(0, b.length / 2),
      Bv: b.subarray(b.length / 2),
    }
    for (const matrix of MATRICES) {
      const name = `${goldenBlock(block)}.${matrix}`
      const given = tensors.get(name)
      if (given) put(`${name}.grad`, given.shape, halves[matrix].slice())
    }
  }
  program.destroy()
  clear.destroy()
  detachLora(layers)
  parameters.release()
}

/** `blocks.3.attn.qkv` is `blocks.3` in a ViT's golden file, `layers.1.blocks.0.attn` in a TinyViT's. */
const goldenBlock = (path: string) => path.replace(/^(blocks\.\d+)\.attn\.qkv$/, '$1').replace(/\.qkv$/, '')

/** The file's matrices as parameters; only the blocks it names are adapted. */
function adapters(
  engine: Engine,
  { model, tensors, lora }: GoldenFile,
): { layers: LoraLayer[]; parameters: ParameterSet } {
  const config = { rank: lora.r, alpha: lora.alpha, rslora: false, targets: ['q', 'v'] as ('q' | 'v')[], blocks: null }
  const given = (path: string) => goldenBlock(path.replace(/^image_encoder\./, ''))
  const layers = loraLayers(model, config).filter(({ path }) => tensors.has(`${given(path)}.Aq`))
  const known = new Set(layers.map(({ path }) => given(path)))
  for (const name of tensors.keys()) {
    const block = /^(.*)\.Aq$/.exec(name)?.[1]
    if (block && !known.has(block))
      throw new UserError(`the golden file adapts ${block}, which the model does not have`)
  }
  const specs = layers.flatMap(({ path, linear }) => {
    const [out, k] = linear.weight.shape
    const take = (matrix: string, size: number) => {
      const { data, shape } = input({ tensors } as GoldenFile, `${given(path)}.${matrix}`)
      if (data.length !== size)
        throw new UserError(`${given(path)}.${matrix} (${shape.join(', ')}) does not fit rank ${lora.r}`)
      return data
    }
    const join = (x: Float32Array, y: Float32Array) => Float32Array.of(...x, ...y)
    const c = out / 3
    return [
      { name: `${path}.lora_A`, shape: [2 * lora.r, k], init: join(take('Aq', lora.r * k), take('Av', lora.r * k)) },
      { name: `${path}.lora_B`, shape: [2 * c, lora.r], init: join(take('Bq', c * lora.r), take('Bv', c * lora.r)) },
    ]
  })
  return { layers, parameters: new ParameterSet(engine, specs) }
}

/** ‖a − b‖ / ‖b‖ in float64; NaN where either has one, or where the sizes differ. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return NaN
  let difference = 0
  let norm = 0
  for (let i = 0; i < a.length; i++) {
    difference += (a[i] - b[i]) ** 2
    norm += b[i] ** 2
  }
  return norm > 0 ? Math.sqrt(difference / norm) : difference === 0 ? 0 : Infinity
}
