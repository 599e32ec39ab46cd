/**
 * @file LoRA adapters (low-rank adaptation, arXiv:2106.09685): the layers they adapt, their matrices, attaching and
 * merging.
 */
import type { Engine } from '../device/engine'
import { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { gemm } from '../ops/gemm'
import type { Linear } from '../ops/linear'
import type { SamModel } from '../sam/sam-model'
import type { Rng } from '../rng'
import { AttachedAdapter } from './attached-adapter'
import type { ParameterSpec } from './parameters'

/**
 * What can be adapted. In the blocks of the image encoder: q, k and v (ranges of rows of the fused qkv layer), the
 * attention's output projection, and the two layers of the MLP. In the mask decoder (`decoder.*`): the projections of
 * its attentions, and the layers of the IoU head.
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
/** One of LORA_TARGETS. */
export type LoraTarget = (typeof LORA_TARGETS)[number]

/** Which layers have LoRA, of which rank and scale. */
export interface LoraConfig {
  /** A whole number from 1. */
  rank: number
  /** Above 0. The adapter is scaled by alpha / rank. */
  alpha: number
  /** Rank-stabilised LoRA (arXiv:2312.03732): scale alpha / sqrt(rank) instead. */
  rslora: boolean
  targets: LoraTarget[]
  /** Paths or indices of encoder blocks, e.g. ['blocks.3', '7', 'layers.2.blocks.0']; null for all. */
  blocks: string[] | null
}

/** LoRA on q and v of the encoder. The training recipe of `wgsam train` (docs/training.md) has more targets. */
export const defaultLora: LoraConfig = { rank: 512, alpha: 512, rslora: false, targets: ['q', 'v'], blocks: null }

/** The factor of B·A. */
export const loraScale = ({ rank, alpha, rslora }: Pick<LoraConfig, 'rank' | 'alpha' | 'rslora'>): number =>
  alpha / (rslora ? Math.sqrt(rank) : rank)

/** A linear layer to adapt, by LoRA or by full fine-tuning. */
export interface AdaptedLayer {
  /** Path in the checkpoint, e.g. image_encoder.blocks.0.attn.qkv. */
  path: string
  linear: Linear
  /** The targets in this layer, in the order of their rows: from row `start` of the weight to before row `end`. */
  parts: { name: string; start: number; end: number }[]
}

const ENCODER = /^image_encoder\.((?:layers\.\d+\.)?blocks\.\d+)\.(attn\.qkv|attn\.proj|mlp\.(?:lin1|lin2|fc1|fc2))$/
const IOU_HEAD = /^mask_decoder\.iou_prediction_head\.layers\.\d+$/
const DECODER = /^mask_decoder\.transformer\..*\.([qkv]|out)_proj$/

/**
 * The layers that a configuration adapts, in the checkpoint's order.
 * @throws Error if a setting is out of range, a target or block is unknown, or no layer is adapted
 * @example
 * const layers = loraLayers(model, { ...defaultLora, rank: 16, targets: ['q', 'v'] })
 */
export function loraLayers(model: Pick<SamModel, 'linears'>, config: LoraConfig): AdaptedLayer[] {
  if (!Number.isInteger(config.rank) || config.rank < 1)
    throw new Error(`LoRA rank ${config.rank}: a whole number from 1`)
  if (!(config.alpha > 0) || !Number.isFinite(config.alpha)) throw new Error(`LoRA alpha ${config.alpha}: above 0`)
  const wanted = new Set<string>(config.targets)
  for (const t of wanted) {
    if (!(LORA_TARGETS as readonly string[]).includes(t))
      throw new Error(`LoRA target "${t}" is not known: choose from ${LORA_TARGETS.join(', ')}`)
  }
  const layers: AdaptedLayer[] = []
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

/**
 * Two parameters a layer: `PATH.lora_A` (parts·rank, in), the A of its parts one below the other, and `PATH.lora_B`
 * (sum of the parts' rows, rank). A starts uniform in ±1/sqrt(in) (torch's kaiming_uniform_ with a = sqrt 5, as in
 * PEFT), or zero if `rng` is null; B starts at zero.
 * @example
 * const specs = loraSpecs(loraLayers(model, defaultLora), defaultLora.rank, new Rng(1))
 */
export function loraSpecs(layers: readonly AdaptedLayer[], rank: number, rng: Rng | null): ParameterSpec[] {
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

/**
 * Attaches LoRA matrices beside the weights of the layers.
 * @param get the matrices, by the names and in the shapes of `loraSpecs`
 * @param free frees them when the adapter is released
 * @throws Error if a layer has an adapter already
 * @example
 * const layers = loraLayers(model, defaultLora)
 * const parameters = new ParameterSet(engine, loraSpecs(layers, defaultLora.rank, new Rng(1)))
 * const attached = attachLora(layers, defaultLora, (name) => parameters.get(name))
 * attached.detach()
 */
export function attachLora(
  layers: readonly AdaptedLayer[],
  config: Pick<LoraConfig, 'rank' | 'alpha' | 'rslora'>,
  get: (name: string) => Tensor,
  free?: () => void,
): AttachedAdapter {
  const { rank } = config
  const scale = loraScale(config)
  const adapters = layers.map(({ path, linear, parts }) => {
    const lora = { rank, scale, a: get(`${path}.lora_A`), b: get(`${path}.lora_B`), ranges: parts }
    return { path, linear, adapter: { lora } }
  })
  return new AttachedAdapter(adapters, free)
}

/**
 * Adds s·B·A to the weights and detaches the adapter, so that the model runs the base model's own dispatches. Returns a
 * function that restores the weights bit for bit and attaches the adapter again.
 * @throws Error if the adapter is not LoRA's, is not attached, or the weights are stored as f16
 * @example
 * const { adapter, head } = await train(model, samples)
 * const unmerge = await mergeLora(engine, await attachAdapter(model, adapter, head))
 * await unmerge() // the base weights again, with the adapter beside them
 */
export async function mergeLora(engine: Engine, adapter: AttachedAdapter): Promise<() => Promise<void>> {
  const g = new Graph(engine)
  const saved: { weight: Tensor; data: Float32Array }[] = []
  for (const { linear, path } of adapter.layers) {
    const { lora, weight } = linear
    if (!lora || !adapter.attached) throw new Error(`${path} has no adapter attached to merge`)
    saved.push({ weight, data: await engine.read(weight) })
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
  adapter.detach()
  return async () => {
    for (const { weight, data } of saved) engine.write(weight, data)
    adapter.attach()
    await engine.idle()
  }
}
