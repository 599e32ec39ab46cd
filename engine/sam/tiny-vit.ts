/** @file TinyViT, MobileSAM's image encoder. BatchNorm is folded into the convolutions when the checkpoint is read. */
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { attention } from '../ops/attention'
import { conv3x3 } from '../ops/conv'
import { depthwiseConv3x3, toDepthwiseWeight } from '../ops/depthwise'
import { layerNorm } from '../ops/layernorm'
import { type Linear, linear } from '../ops/linear'
import { activate } from '../ops/pointwise'
import { windowMap } from '../ops/windows'
import type { TinyVitArchitecture } from './architecture'
import type { EncoderPart } from './encoder-part'
import { type Neck, loadNeck, neckPart } from './image-encoder'
import { encoderSegment } from './recomputation'
import type { Norm, WeightLoader } from './weights'

const EPS = 1e-5
const prefix = 'image_encoder'

interface InvertedBottleneck {
  conv1: Linear
  conv2: Linear
  conv3: Linear
}

interface Block {
  norm: Norm
  qkv: Linear
  proj: Linear
  /** (heads, window², window²). */
  bias: Tensor
  local: Linear
  mlpNorm: Norm
  fc1: Linear
  fc2: Linear
}

interface Stage {
  convolutions: InvertedBottleneck[]
  blocks: Block[]
  downsample: InvertedBottleneck | null
}

export interface TinyVitEncoder {
  kind: 'tiny_vit'
  architecture: TinyVitArchitecture
  stem: Linear[]
  stages: Stage[]
  neck: Neck
}

const depthwise = (loader: WeightLoader, path: string) =>
  loader.linear(path, (data, shape) =>
    shape.length === 1 ? { data, shape } : { data: toDepthwiseWeight(data, shape), shape: [9, shape[0]] },
  )

async function loadBottleneck(loader: WeightLoader, path: string): Promise<InvertedBottleneck> {
  return {
    conv1: await loader.linear(`${path}.conv1`),
    conv2: await depthwise(loader, `${path}.conv2`),
    conv3: await loader.linear(`${path}.conv3`),
  }
}

export async function loadTinyVit(loader: WeightLoader, a: TinyVitArchitecture): Promise<TinyVitEncoder> {
  const stem = [
    await loader.convolution(`${prefix}.patch_embed.seq.0`),
    await loader.convolution(`${prefix}.patch_embed.seq.2`),
  ]
  const stages: Stage[] = []
  for (let s = 0; s < a.dims.length; s++) {
    const stage: Stage = { convolutions: [], blocks: [], downsample: null }
    for (let b = 0; b < a.depths[s]; b++) {
      const path = `${prefix}.layers.${s}.blocks.${b}`
      if (s === 0) stage.convolutions.push(await loadBottleneck(loader, path))
      else stage.blocks.push(await loadBlock(loader, path, a.heads[s], a.windows[s]))
    }
    if (s + 1 < a.dims.length) stage.downsample = await loadBottleneck(loader, `${prefix}.layers.${s}.downsample`)
    stages.push(stage)
  }
  return { kind: 'tiny_vit', architecture: a, stem, stages, neck: await loadNeck(loader) }
}

async function loadBlock(loader: WeightLoader, path: string, heads: number, window: number): Promise<Block> {
  return {
    norm: await loader.norm(`${path}.attn.norm`),
    qkv: await loader.linear(`${path}.attn.qkv`, (data, shape) => ({ data: packHeads(data, shape, heads), shape })),
    proj: await loader.linear(`${path}.attn.proj`),
    bias: await loader.tensor(`${path}.attn.attention_bias_table`, (data) => ({
      data: expandBias(data, heads, window),
      shape: [heads, window ** 2, window ** 2],
    })),
    local: await depthwise(loader, `${path}.local_conv`),
    mlpNorm: await loader.norm(`${path}.mlp.norm`),
    fc1: await loader.linear(`${path}.mlp.fc1`),
    fc2: await loader.linear(`${path}.mlp.fc2`),
  }
}

/** Reorders rows from [q | k | v] within each head to q of all heads, then k, then v: the order in SAM's ViT. */
function packHeads(data: Float32Array, shape: readonly number[], heads: number): Float32Array {
  const rows = shape[0]
  const width = data.length / rows
  const d = rows / (3 * heads)
  const out = new Float32Array(data.length)
  for (let part = 0; part < 3; part++)
    for (let head = 0; head < heads; head++) {
      const from = (head * 3 + part) * d * width
      out.set(data.subarray(from, from + d * width), (part * heads + head) * d * width)
    }
  return out
}

/**
 * The table (heads, window²), indexed by (|dy|, |dx|), to the bias of every pair of positions (heads, window²,
 * window²).
 */
function expandBias(table: Float32Array, heads: number, window: number): Float32Array {
  const length = window ** 2
  const out = new Float32Array(heads * length * length)
  let at = 0
  for (let h = 0; h < heads; h++)
    for (let i = 0; i < length; i++)
      for (let j = 0; j < length; j++) {
        const dy = Math.abs(Math.floor(i / window) - Math.floor(j / window))
        const dx = Math.abs((i % window) - (j % window))
        out[at++] = table[h * length + dy * window + dx]
      }
  return out
}

interface GridShape {
  batch: number
  /** Tokens a side of an image. */
  side: number
}

const stemStride = ({ architecture }: TinyVitEncoder) => architecture.stemStride ?? 2

/** images (batch, size, size, 3), normalised and padded, to tokens (batch·side², channels of stage 0), see stemSide. */
export function tinyVitStem(g: Graph, encoder: TinyVitEncoder, images: Tensor, batch: number, size: number): Tensor {
  const { stem } = encoder
  if (stemStride(encoder) === 1) {
    const pixels = images.reshape(batch * size * size, 3)
    return linear(g, linear(g, pixels, stem[0], { activation: 'gelu' }), stem[1])
  }
  let side = size
  return stem.reduce((x, layer, i) => {
    const y = conv3x3(g, x, { batch, height: side, width: side, stride: 2, ...layer })
    side = Math.ceil(side / 2)
    return i === 0 ? activate(g, y, 'gelu') : y
  }, images)
}

/** Side of the first stage's grid: a quarter of the input's with strides of 2. */
const stemSide = (encoder: TinyVitEncoder, size: number): number =>
  encoder.stem.reduce((length) => Math.ceil(length / stemStride(encoder)), size)

/** The blocks, the patch merges between stages, and the neck, at an input size in pixels. */
export function tinyVitParts(encoder: TinyVitEncoder, size: number): EncoderPart[] {
  const { dims, heads, windows } = encoder.architecture
  let side = stemSide(encoder, size)
  const parts: EncoderPart[] = []
  const part = (path: string, channels: number, build: (g: Graph, x: Tensor, batch: number) => Tensor) => {
    const segment = encoderSegment(parts.length)
    const record: EncoderPart['record'] = (g, x, batch) => g.segment(segment, () => [build(g, x, batch)])[0]
    parts.push({ path: `${prefix}.layers.${path}`, tokens: side ** 2, channels, record })
  }
  encoder.stages.forEach(({ convolutions, blocks, downsample }, s) => {
    const shape = { side, heads: heads[s], window: windows[s] }
    convolutions.forEach((block, b) =>
      part(`${s}.blocks.${b}`, dims[s], (g, x, batch) => mbConv(g, block, x, { ...shape, batch })),
    )
    blocks.forEach((block, b) =>
      part(`${s}.blocks.${b}`, dims[s], (g, x, batch) => tinyBlock(g, block, x, { ...shape, batch })),
    )
    if (downsample) {
      // the last merge keeps the side, because the embedding has a sixteenth of the input's
      const stride = s === encoder.stages.length - 2 ? 1 : 2
      part(`${s}.downsample`, dims[s], (g, x, batch) => patchMerging(g, downsample, x, { ...shape, batch, stride }))
      side = Math.ceil(side / stride)
    }
  })
  return [...parts, neckPart(encoder.neck, { tokens: side ** 2, channels: dims.at(-1)! }, side)]
}

/** A convolutional block of stage 0 (MBConv): x (batch·side², C) to the same shape. */
export function mbConv(g: Graph, block: InvertedBottleneck, x: Tensor, { batch, side }: GridShape): Tensor {
  const y = linear(g, x, block.conv1, { activation: 'gelu' })
  const z = depthwiseConv3x3(g, y, { batch, height: side, width: side, stride: 1, ...block.conv2 })
  return activate(g, linear(g, activate(g, z, 'gelu'), block.conv3, { residual: x }), 'gelu')
}

/** x (batch·side², C) to (batch·ceil(side / stride)², channels of the next stage). */
export function patchMerging(
  g: Graph,
  block: InvertedBottleneck,
  x: Tensor,
  { batch, side, stride }: GridShape & { stride: 1 | 2 },
): Tensor {
  const y = linear(g, x, block.conv1, { activation: 'gelu' })
  const z = depthwiseConv3x3(g, y, { batch, height: side, width: side, stride, ...block.conv2 })
  return linear(g, activate(g, z, 'gelu'), block.conv3)
}

/** A block of window attention, local convolution and MLP: x (batch·side², C) to the same shape. */
export function tinyBlock(
  g: Graph,
  block: Block,
  x: Tensor,
  { batch, side, heads, window }: GridShape & { heads: number; window: number },
): Tensor {
  const map = windowMap(g.engine, { batch, height: side, width: side, window })
  // windows are padded before the norm here, so a padded position is the norm of zeros: its shift, beta
  const padRow = map.pads ? ('beta' as const) : undefined
  const y = layerNorm(g, x, block.norm.gamma, block.norm.beta, { eps: EPS, padRow })
  const o = attention(g, linear(g, y, block.qkv), { heads, map, bias: block.bias })
  const x1 = linear(g, o, block.proj, { residual: x })
  const x2 = depthwiseConv3x3(g, x1, { batch, height: side, width: side, stride: 1, ...block.local })
  const z = layerNorm(g, x2, block.mlpNorm.gamma, block.mlpNorm.beta, { eps: EPS })
  return linear(g, linear(g, z, block.fc1, { activation: 'gelu' }), block.fc2, { residual: x2 })
}
