/** @file SAM's ViT image encoder, and the neck that it shares with TinyViT. */
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { attention } from '../ops/attention'
import { conv3x3 } from '../ops/conv'
import { layerNorm } from '../ops/layernorm'
import { type Linear, linear } from '../ops/linear'
import { patchEmbed } from '../ops/patches'
import { windowMap } from '../ops/windows'
import { type VitArchitecture, embeddingSide } from './architecture'
import type { EncoderPart } from './encoder-part'
import { resizeColumns, resizePosition } from './position-encoding'
import { encoderSegment } from './recomputation'
import type { Norm, WeightLoader } from './weights'

const EPS = 1e-6

interface VitBlock {
  norm1: Norm
  norm2: Norm
  qkv: Linear
  proj: Linear
  lin1: Linear
  lin2: Linear
  relPos: { h: Tensor; w: Tensor } | null
  /** Window side, 0 for global attention. */
  window: number
}

export interface Neck {
  conv1: Linear
  norm1: Norm
  conv2: Linear
  norm2: Norm
}

export interface VitEncoder {
  kind: 'vit'
  architecture: VitArchitecture
  patch: Linear
  position: Tensor | null
  blocks: VitBlock[]
  neck: Neck
}

const prefix = 'image_encoder'

export async function loadVit(loader: WeightLoader, a: VitArchitecture, inputSize: number): Promise<VitEncoder> {
  const grid = inputSize / a.patch
  const patch = await loader.convolution(`${prefix}.patch_embed.proj`)
  const position = loader.has(`${prefix}.pos_embed`)
    ? await loader.tensor(`${prefix}.pos_embed`, (data, [, h, w, c]) => ({
        data: resizePosition(data, h, w, c, grid, grid),
        shape: [grid * grid, c],
      }))
    : null
  const blocks: VitBlock[] = []
  for (let i = 0; i < a.depth; i++) {
    const path = `${prefix}.blocks.${i}`
    const window = a.globalBlocks.includes(i) ? 0 : a.window
    const length = 2 * (window || grid) - 1
    const table = (name: string) =>
      loader.tensor(`${path}.attn.${name}`, (data, [rows, d]) => ({
        data: resizeColumns(data, rows, d, length),
        shape: [length, d],
      }))
    blocks.push({
      norm1: await loader.norm(`${path}.norm1`),
      norm2: await loader.norm(`${path}.norm2`),
      qkv: await loader.linear(`${path}.attn.qkv`),
      proj: await loader.linear(`${path}.attn.proj`),
      lin1: await loader.linear(`${path}.mlp.lin1`),
      lin2: await loader.linear(`${path}.mlp.lin2`),
      relPos: loader.has(`${path}.attn.rel_pos_h`)
        ? { h: await table('rel_pos_h'), w: await table('rel_pos_w') }
        : null,
      window,
    })
  }
  return { kind: 'vit', architecture: a, patch, position, blocks, neck: await loadNeck(loader) }
}

export async function loadNeck(loader: WeightLoader): Promise<Neck> {
  const path = `${prefix}.neck`
  return {
    conv1: await loader.linear(`${path}.0`),
    norm1: await loader.norm(`${path}.1`),
    conv2: await loader.convolution(`${path}.2`),
    norm2: await loader.norm(`${path}.3`),
  }
}

/** images (batch, size, size, 3), normalised and padded, to tokens (batch·grid², dim) with their positions. */
export function vitStem(g: Graph, { architecture, patch, position }: VitEncoder, images: Tensor, size: number): Tensor {
  return patchEmbed(g, images, { size, patch: architecture.patch, ...patch, position })
}

/** The blocks and the neck, at an input size in pixels. */
export function vitParts({ architecture, blocks, neck: n }: VitEncoder, size: number): EncoderPart[] {
  const { patch, heads, dim } = architecture
  const grid = size / patch
  const shape = { tokens: grid ** 2, channels: dim }
  const parts = blocks.map((block, i): EncoderPart => ({
    path: `${prefix}.blocks.${i}`,
    ...shape,
    record: (g, x, batch) => g.segment(encoderSegment(i), () => [vitBlock(g, block, x, { batch, grid, heads })])[0],
  }))
  return [...parts, neckPart(n, shape, embeddingSide(architecture, size))]
}

/** One block: x (batch·grid², dim) to the same shape. Exported for tests against golden blocks. */
export function vitBlock(
  g: Graph,
  block: VitBlock,
  x: Tensor,
  { batch, grid, heads }: { batch: number; grid: number; heads: number },
): Tensor {
  const map = windowMap(g.engine, { batch, height: grid, width: grid, window: block.window })
  // windows are padded with zeros after norm1, so q, k and v of a padded position are qkv's bias: the row of a zero
  // token
  const padRow = map.pads ? ('zero' as const) : undefined
  const y = layerNorm(g, x, block.norm1.gamma, block.norm1.beta, { eps: EPS, padRow })
  const qkv = linear(g, y, block.qkv)
  const o = attention(g, qkv, { heads, map, relPos: block.relPos ?? undefined })
  const x1 = linear(g, o, block.proj, { residual: x })
  const z = layerNorm(g, x1, block.norm2.gamma, block.norm2.beta, { eps: EPS })
  const hidden = linear(g, z, block.lin1, { activation: 'gelu' })
  return linear(g, hidden, block.lin2, { residual: x1 })
}

/** The last part: input of that shape to an embedding of side² cells for each image. */
export const neckPart = (n: Neck, shape: Pick<EncoderPart, 'tokens' | 'channels'>, side: number): EncoderPart => ({
  path: `${prefix}.neck`,
  ...shape,
  record: (g, x, batch) => neck(g, n, x, batch, side),
})

/** x (batch·side², dim) to (batch·side², outChannels): 1x1 convolution, norm, 3x3 convolution, norm. */
export function neck(g: Graph, n: Neck, x: Tensor, batch: number, side: number): Tensor {
  const y = layerNorm(g, linear(g, x, n.conv1), n.norm1.gamma, n.norm1.beta, { eps: EPS })
  const z = conv3x3(g, y, { batch, height: side, width: side, stride: 1, ...n.conv2 })
  return layerNorm(g, z, n.norm2.gamma, n.norm2.beta, { eps: EPS })
}
