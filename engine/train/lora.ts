/** @file LoRA adapters: which matrices there are, how they start, and attaching, merging and unmerging them. */
import type { Engine } from '../device/engine'
import { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { gemm } from '../ops/gemm'
import type { Linear } from '../ops/linear'
import type { SamModel } from '../sam/sam-model'
import type { Rng } from '../rng'

/**
 * Targets: parts of the fused qkv, the attention's output, the two layers of the MLP; in the mask decoder decoder.* of its
 * attentions, and the layers of the IoU head.
 */
export const LORA_TARGETS = [
  'q',
  'k',
  'v',
  'proj',
  'lin1',
  'lin2',
  'decoder.q',
  'decoder.k',
  'decoder.v',
  'decoder.out',
  'decoder.iou',
] as const
export type LoraTarget = (typeof LORA_TARGETS)[number]

export interface LoraConfig {
  rank: number
  alpha: number
  /** Scale alpha / sqrt(rank) in place of alpha / rank. */
  rslora: boolean
  targets: LoraTarget[]
  /** Paths or indices of encoder blocks, e.g. ['blocks.3', 'layers.2.blocks.0']; null for all. */
  blocks: string[] | null
}

export const defaultLora: LoraConfig = { rank: 512, alpha: 512, rslora: false, targets: ['q', 'v'], blocks: null }

export const loraScale = ({ rank, alpha, rslora }: LoraConfig): number => alpha / (rslora ? Math.sqrt(rank) : rank)

/** One adapted weight: `parts` are its targets in order, each a range of output rows. */
export interface LoraLayer {
  /** Path of the linear layer, e.g. image_encoder.blocks.0.attn.qkv. */
  path: string
  linear: Linear
  parts: { name: string; start: number; end: number }[]
}

const ENCODER = /^image_encoder\.((?:layers\.\d+\.)?blocks\.\d+)\.(attn\.qkv|attn\.proj|mlp\.(?:lin1|lin2|fc1|fc2))$/
const IOU_HEAD = /^mask_decoder\.iou_prediction_head\.layers\.\d+$/
const DECODER = /^mask_decoder\.transformer\..*\.([qkv]|out)_proj$/

/** The layers that a configuration adapts, in the checkpoint's order. Throws where it names nothing. */
export function loraLayers(model: Pick<SamModel, 'linears'>, config: LoraConfig): LoraLayer[] {
  if (!Number.isInteger(config.rank) || config.rank < 1)
    throw new Error(`LoRA rank ${config.rank}: a whole number from 1`)
  if (!(config.alpha > 0) || !Number.isFinite(config.alpha)) throw new Error(`LoRA alpha ${config.alpha}: above 0`)
  const wanted = new Set<string>(config.targets)
  for (const t of wanted) {
    if (!(LORA_TARGETS as readonly string[]).includes(t))
      throw new Error(`LoRA target "${t}" is not known: choose from ${LORA_TARGETS.join(', ')}`)
  }
  const layers: LoraLayer[] = []
  const seen = new Set<string>()
  for (const [path, linear] of model.linears) {
    const [out] = linear.weight.shape
    const whole = (name: string) => [{ name, start: 0, end: out }]
    const encoder = ENCODER.exec(path)
    const decoder = DECODER.exec(path)
    if (encoder) {
      const [, block, kind] = encoder
      seen.add(block)
      if (config.blocks && !config.blocks.some((b) => b === block || `blocks.${b}` === block)) continue
      if (kind === 'attn.qkv') {
        const parts = (['q', 'k', 'v'] as const).flatMap((t, i) =>
          wanted.has(t) ? [{ name: path.replace(/qkv$/, t), start: (i * out) / 3, end: ((i + 1) * out) / 3 }] : [],
        )
        if (parts.length) layers.push({ path, linear, parts })
      } else {
        const target = { 'attn.proj': 'proj', 'mlp.lin1': 'lin1', 'mlp.fc1': 'lin1' }[kind] ?? 'lin2'
        if (wanted.has(target)) layers.push({ path, linear, parts: whole(path) })
      }
    } else if ((decoder && wanted.has(`decoder.${decoder[1]}`)) || (IOU_HEAD.test(path) && wanted.has('decoder.iou'))) {
      layers.push({ path, linear, parts: whole(path) })
    }
  }
  const unknown = config.blocks?.filter((b) => !seen.has(b) && !seen.has(`blocks.${b}`)) ?? []
  if (unknown.length)
    throw new Error(`LoRA blocks not in this model: ${unknown.join(', ')}; it has ${[...seen].join(', ')}`)
  if (!layers.length) throw new Error('this LoRA configuration adapts no layer of the model')
  return layers
}

export interface LoraSpec {
  name: string
  shape: number[]
  init: Float32Array
}

/** Parameters of the layers: A from kaiming's uniform (a = sqrt 5: ±1/sqrt(in)), B zero; without random numbers all zero. */
export function loraSpecs(layers: readonly LoraLayer[], rank: number, rng: Rng | null): LoraSpec[] {
  return layers.flatMap(({ path, linear, parts }) => {
    const [, k] = linear.weight.shape
    const rows = parts.reduce((sum, p) => sum + p.end - p.start, 0)
    const bound = 1 / Math.sqrt(k)
    const a = new Float32Array(parts.length * rank * k)
    if (rng) for (let i = 0; i < a.length; i++) a[i] = rng.range(-bound, bound)
    return [
      { name: `${path}.lora_A`, shape: [parts.length * rank, k], init: a },
      { name: `${path}.lora_B`, shape: [rows, rank], init: new Float32Array(rows * rank) },
    ]
  })
}

/** Puts the matrices beside the model's weights: whatever is recorded from now on uses them. */
export function attachLora(layers: readonly LoraLayer[], config: LoraConfig, get: (name: string) => Tensor): void {
  for (const { path, linear, parts } of layers) {
    const a = get(`${path}.lora_A`)
    const b = get(`${path}.lora_B`)
    linear.lora = { rank: config.rank, scale: loraScale(config), a, b, ranges: parts }
  }
}

/** Takes them away again: what is recorded from now on is the base model. */
export function detachLora(layers: readonly LoraLayer[]): void {
  for (const { linear } of layers) linear.lora = null
}

/**
 * Adds s·B·A to the weights and detaches, so that the model runs the base model's own dispatches. Gives the way back,
 * which restores the weights bit for bit and attaches the adapter again.
 */
export async function mergeLora(engine: Engine, layers: readonly LoraLayer[]): Promise<() => Promise<void>> {
  const g = new Graph(engine)
  const saved: { linear: Linear; lora: NonNullable<Linear['lora']>; data: Float32Array }[] = []
  for (const { linear, path } of layers) {
    const { lora, weight } = linear
    if (!lora) throw new Error(`${path} has no adapter attached to merge`)
    saved.push({ linear, lora, data: await engine.read(weight) })
    const [, k] = weight.shape
    let row = 0
    lora.ranges.forEach(({ start, end }, i) => {
      gemm(g, {
        layout: 'nn',
        m: end - start,
        n: k,
        k: lora.rank,
        a: { tensor: lora.b, stride: lora.rank, offset: row * lora.rank },
        b: { tensor: lora.a, stride: k, offset: i * lora.rank * k },
        c: { tensor: weight, stride: k, offset: start * k },
        alpha: lora.scale,
        accumulate: 1,
      })
      row += end - start
    })
  }
  const program = await g.compile()
  program.run()
  await engine.idle()
  program.destroy()
  detachLora(layers)
  return async () => {
    for (const { linear, lora, data } of saved) {
      engine.write(linear.weight, data)
      linear.lora = lora
    }
    await engine.idle()
  }
}
