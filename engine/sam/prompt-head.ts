/**
 * @file The prompt head: a light network on the image embedding that predicts where particles are, so that the mask decoder
 * is asked once for each of them. 3x3 convolution, two transposed convolutions that upscale by 2 each, 3x3 convolution to
 * three maps: see PromptMaps. Every layer but the last is followed by LayerNorm and GELU.
 */
import type { Engine } from '../device/engine'
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { conv3x3 } from '../ops/conv'
import { layerNorm } from '../ops/layernorm'
import { fromConvWeight, toConvWeight } from '../ops/patches'
import { convTranspose2x2, fromTransposeWeight, toTransposeWeight } from '../ops/upscale'
import type { Rng } from '../rng'
import { type Norm, WeightLoader, type WeightSource } from './weights'

/** The maps in the order of the logits' columns. */
export const PROMPT_MAPS = ['foreground', 'centre', 'distance'] as const

/** Channels after the first convolution and after each upscaling, in heads that wgsam initialises. */
const WIDTHS = [64, 32, 32] as const
/**
 * Initial bias of the maps: the logits of roughly the mean of each target, so that training does not begin with unlearning
 * particles everywhere.
 */
const PRIOR = [-1, -2, -1.5] as const
const EPS = 1e-6
const ROOT = 'prompt_head'
const [CONV1, UPSCALE1, UPSCALE2, CONV2] = ['conv1', 'upscale1', 'upscale2', 'conv2'].map((layer) => `${ROOT}.${layer}`)
const NORMS = ['norm1', 'norm2', 'norm3'].map((norm) => `${ROOT}.${norm}`)

/** A tensor of the head on the host. */
export interface HeadTensor {
  name: string
  shape: number[]
  data: Float32Array
}

/** True if tensors of these names include a prompt head. */
export const hasPromptHead = (names: { has(name: string): boolean }): boolean => names.has(`${CONV1}.weight`)

/** True for the name of a head's tensor. */
export const isHeadTensor = (name: string): boolean => name.startsWith(`${ROOT}.`)

/**
 * The shapes of a head's tensors by name, as PyTorch lays out the weights of Conv2d, ConvTranspose2d and LayerNorm.
 * @param channels of the image embedding
 * @param shapeOf the shapes of existing tensors, whose widths may differ from those that wgsam initialises
 */
export function promptHeadShapes(
  channels: number,
  shapeOf: (weight: string) => readonly number[] | undefined = () => undefined,
): Map<string, number[]> {
  const [c1, c2, c3] = [CONV1, UPSCALE1, UPSCALE2].map(
    (layer, i) => shapeOf(`${layer}.weight`)?.[i ? 1 : 0] ?? WIDTHS[i],
  )
  return new Map([
    [`${CONV1}.weight`, [c1, channels, 3, 3]],
    [`${UPSCALE1}.weight`, [c1, c2, 2, 2]],
    [`${UPSCALE2}.weight`, [c2, c3, 2, 2]],
    [`${CONV2}.weight`, [PROMPT_MAPS.length, c3, 3, 3]],
    [`${CONV2}.bias`, [PROMPT_MAPS.length]],
    ...NORMS.flatMap((norm, i): [string, number[]][] =>
      ['weight', 'bias'].map((part) => [`${norm}.${part}`, [[c1, c2, c3][i]]]),
    ),
  ])
}

const NAMES = [...promptHeadShapes(1).keys()]

/**
 * A new head in PyTorch's layout: normal weights of variance 1 / fan-in, or zeros if `rng` is null. The four taps of a
 * transposed convolution begin alike, so that the maps begin without a chequerboard (arXiv:1707.02937).
 */
export function newPromptHead(channels: number, rng: Rng | null): HeadTensor[] {
  return [...promptHeadShapes(channels)].map(([name, shape]) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b))
    if (name === `${CONV2}.bias`) data.set(PRIOR)
    else if (shape.length === 1) data.fill(name.endsWith('weight') ? 1 : 0)
    else if (rng) {
      const [inputs, alike] = isTransposed(name) ? [shape[0], 4] : [shape[1] * 9, 1]
      for (let i = 0; i < data.length; i += alike) data.fill(rng.normal() / Math.sqrt(inputs), i, i + alike)
    }
    return { name, shape, data }
  })
}

const isTransposed = (name: string) => name.startsWith(UPSCALE1) || name.startsWith(UPSCALE2)

/** From PyTorch's layout to the one that the kernels read: matrices of (out, 9·in) and (4·out, in). */
export function toHeadLayout({ name, shape, data }: HeadTensor): HeadTensor {
  if (shape.length === 1) return { name, shape, data }
  const [a, b] = shape
  return isTransposed(name)
    ? { name, shape: [4 * b, a], data: toTransposeWeight(data, shape) }
    : { name, shape: [a, 9 * b], data: toConvWeight(data, [a, b, 3, 3]) }
}

/** The reverse of `toHeadLayout`. */
export function fromHeadLayout({ name, shape, data }: HeadTensor): HeadTensor {
  if (shape.length === 1) return { name, shape, data }
  const [rows, columns] = shape
  const torch = isTransposed(name) ? [columns, rows / 4, 2, 2] : [rows, columns / 9, 3, 3]
  const convert = isTransposed(name) ? fromTransposeWeight : fromConvWeight
  return { name, shape: torch, data: convert(data, torch as [number, number, number, number]) }
}

/**
 * A prompt head on the GPU. It belongs to an adapter, and is attached with it.
 * @example
 * const head = await PromptHead.load(engine, weights) // tensors prompt_head.*
 * model.promptHead = head // generate then takes its prompts from it
 */
export class PromptHead {
  private readonly norms: Norm[]
  private readonly weights: Record<'conv1' | 'upscale1' | 'upscale2' | 'conv2' | 'bias', Tensor>

  /**
   * @param get the head's tensors by name, in the layout of `toHeadLayout`
   * @param release frees them
   */
  constructor(
    private readonly get: (name: string) => Tensor,
    readonly release: () => void = () => {},
  ) {
    const weight = (layer: string) => get(`${layer}.weight`)
    const [conv1, upscale1, upscale2, conv2] = [CONV1, UPSCALE1, UPSCALE2, CONV2].map(weight)
    this.weights = { conv1, upscale1, upscale2, conv2, bias: get(`${CONV2}.bias`) }
    this.norms = NORMS.map((norm) => ({ gamma: weight(norm), beta: get(`${norm}.bias`) }))
  }

  /** Uploads the head of a checkpoint or of an adapter. @throws Error if a tensor is missing */
  static async load(engine: Engine, source: WeightSource): Promise<PromptHead> {
    const loader = new WeightLoader(engine, source)
    const tensors = new Map<string, Tensor>()
    for (const name of NAMES)
      tensors.set(name, await loader.tensor(name, (data, shape) => toHeadLayout({ name, shape, data })))
    return new PromptHead(
      (name) => tensors.get(name)!,
      () => loader.release(),
    )
  }

  /** The head's tensors, in the layout of `toHeadLayout`. */
  get tensors(): Map<string, Tensor> {
    return new Map(NAMES.map((name) => [name, this.get(name)]))
  }

  /**
   * Records the head on embeddings (images·side², D): logits (images·(4·side)², 3), the maps in the order of PROMPT_MAPS.
   * The gradient flows to the head, where it trains, and to the embedding.
   * @throws Error if the embedding has another number of channels than the head was made for, or another side
   */
  record(g: Graph, embedding: Tensor, side: number): Tensor {
    const { conv1, upscale1, upscale2, conv2, bias } = this.weights
    const batch = embedding.rows / side ** 2
    const shape = (scale: 1 | 2 | 4) => ({ batch, height: scale * side, width: scale * side })
    const normed = (x: Tensor, i: number) =>
      layerNorm(g, x, this.norms[i].gamma, this.norms[i].beta, { eps: EPS, activation: 'gelu' })
    const [logits] = g.segment('decoder.prompt head', () => {
      const x1 = normed(conv3x3(g, embedding, { ...shape(1), stride: 1, weight: conv1 }), 0)
      const x2 = normed(convTranspose2x2(g, x1, { ...shape(1), weight: upscale1 }), 1)
      const x4 = normed(convTranspose2x2(g, x2, { ...shape(2), weight: upscale2 }), 2)
      return [conv3x3(g, x4, { ...shape(4), stride: 1, weight: conv2, bias })]
    })
    return logits
  }
}
