/** @file Computes the loss of a golden file with its LoRA adapters attached, and the gradient of every adapter matrix. */
import type { Engine } from '../../engine/device/engine'
import { Graph } from '../../engine/graph/graph'
import { maskStatistics, weightedMaskLoss } from '../../engine/ops/mask-loss'
import { MASK_TOKENS } from '../../engine/sam/mask-decoder'
import { tokenCounts } from '../../engine/sam/prompt-batch'
import { promptLabel } from '../../engine/sam/prompt-labels'
import { type AdaptedLayer, type LoraConfig, attachLora, loraLayers } from '../../engine/train/lora'
import { ParameterSet } from '../../engine/train/parameters'
import { UserError } from '../host/errors'
import { type GoldenFile, type Put, imageOf, input, promptsOf } from './golden-file'

const ENTRIES_PER_PASS = 8
const MATRICES = ['Aq', 'Bq', 'Av', 'Bv'] as const

/** Computes the loss with the golden file's adapters and its gradient; gradients accumulate over the images. */
export async function computeLoraGradients(engine: Engine, golden: GoldenFile, put: Put): Promise<void> {
  const { model, lora, tensors } = golden
  const target = input(golden, 'target')
  const entries = target.shape[0]
  const images = input(golden, 'images').shape[0]
  const imageOfEntry = Array.from({ length: entries }, (_, i) => {
    const given = tensors.get('image')
    return given ? given.data[i] : entries > images ? 0 : i
  })
  const { layers, parameters } = adapters(engine, golden)
  const config = configOf(lora)
  const adapter = attachLora(layers, config, (name) => parameters.get(name))

  const all = promptsOf(golden, 'points', entries)
  // each pass has a few entries of one image; gradients accumulate over the passes
  const passes: { image: number; passEntries: number[] }[] = []
  imageOfEntry.forEach((image, entry) => {
    const open = passes.find((p) => p.image === image && p.passEntries.length < ENTRIES_PER_PASS)
    if (open) open.passEntries.push(entry)
    else passes.push({ image, passEntries: [entry] })
  })
  const largest = Math.max(...passes.map(({ passEntries }) => passEntries.length))
  const { inputSize: size, maskSide } = model
  const pixels = maskSide ** 2
  const g = new Graph(engine, true, { storage: golden.storage })
  const t = {
    raw: g.input('images', [1, size, size, 3]),
    sizes: g.input('sizes', [1, 2]),
    coords: g.input('coords', [largest, all.slots, 2]),
    labels: g.input('labels', [largest, all.slots]),
    imageIndex: g.input('image index', [largest]),
    counts: g.input('counts', [largest]),
    targets: g.input('targets', [largest, pixels]),
    weights: g.input('weights', [largest, MASK_TOKENS]),
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
  for (const { image, passEntries } of passes) {
    const coords = new Float32Array(largest * all.slots * 2)
    const labels = new Int32Array(largest * all.slots).fill(promptLabel.absent)
    const targets = new Float32Array(largest * pixels)
    const weights = new Float32Array(largest * MASK_TOKENS)
    passEntries.forEach((entry, p) => {
      coords.set(all.coords.subarray(entry * all.slots * 2, (entry + 1) * all.slots * 2), p * all.slots * 2)
      labels.set(all.labels.subarray(entry * all.slots, (entry + 1) * all.slots), p * all.slots)
      targets.set(target.data.subarray(entry * pixels, (entry + 1) * pixels), p * pixels)
      weights[p * MASK_TOKENS] = 1 / entries
    })
    program.write(t.raw, imageOf(golden, image))
    program.write(t.sizes, Uint32Array.of(size, size))
    program.write(t.coords, coords)
    program.write(t.labels, labels)
    program.write(t.imageIndex, new Uint32Array(largest))
    program.write(t.counts, tokenCounts(labels, all.slots))
    program.write(t.targets, targets)
    program.write(t.weights, weights)
    program.write(t.upstream, Float32Array.of(1))
    program.run()
    const masks = await program.read(logits)
    const statistics = await program.read(perMask)
    passEntries.forEach((entry, p) => {
      const at = p * MASK_TOKENS
      results.logits.set(masks.subarray(at * pixels, (at + 1) * pixels), entry * pixels)
      results.dice += statistics[at * 4] / entries
      results.bce += statistics[at * 4 + 1] / entries
    })
  }
  put('lora.logits', [entries, 1, maskSide, maskSide], results.logits)
  put('lora.dice', [1], Float32Array.of(results.dice))
  put('lora.bce', [1], Float32Array.of(results.bce))
  put('lora.loss', [1], Float32Array.of(results.dice + results.bce))
  for (const { path } of layers) {
    const block = path.replace(/^image_encoder\./, '')
    const a = await engine.read(parameters.get(`${path}.lora_A`).grad!)
    const b = await engine.read(parameters.get(`${path}.lora_B`).grad!)
    const matrices = {
      Aq: a.subarray(0, a.length / 2),
      Av: a.subarray(a.length / 2),
      Bq: b.subarray(0, b.length / 2),
      Bv: b.subarray(b.length / 2),
    }
    for (const matrix of MATRICES) {
      const name = `${goldenBlock(block)}.${matrix}`
      const given = tensors.get(name)
      if (given) put(`${name}.grad`, given.shape, matrices[matrix].slice())
    }
  }
  program.destroy()
  clear.destroy()
  adapter.release()
  parameters.release()
}

const configOf = ({ r, alpha }: GoldenFile['lora']): LoraConfig => {
  return { rank: r, alpha, rslora: false, targets: ['q', 'v'], blocks: null }
}

/** The name of a block in golden files: `blocks.3` for a ViT's `blocks.3.attn.qkv`, `layers.1.blocks.0.attn` for a TinyViT's. */
const goldenBlock = (path: string) => path.replace(/^(blocks\.\d+)\.attn\.qkv$/, '$1').replace(/\.qkv$/, '')

/** The golden file's adapter matrices as parameters, and the layers that they adapt. */
function adapters(
  engine: Engine,
  { model, tensors, lora }: GoldenFile,
): { layers: AdaptedLayer[]; parameters: ParameterSet } {
  const config = configOf(lora)
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
      const { data, shape } = input({ tensors }, `${given(path)}.${matrix}`)
      if (data.length !== size)
        throw new UserError(`${given(path)}.${matrix} (${shape.join(', ')}) does not fit rank ${lora.r}`)
      return data
    }
    const join = (x: Float32Array, y: Float32Array) => {
      const both = new Float32Array(x.length + y.length)
      both.set(x)
      both.set(y, x.length)
      return both
    }
    const c = out / 3
    return [
      { name: `${path}.lora_A`, shape: [2 * lora.r, k], init: join(take('Aq', lora.r * k), take('Av', lora.r * k)) },
      { name: `${path}.lora_B`, shape: [2 * c, lora.r], init: join(take('Bq', c * lora.r), take('Bv', c * lora.r)) },
    ]
  })
  return { layers, parameters: new ParameterSet(engine, specs) }
}
