/** @file The mask decoder's two-way transformer: tokens and image cells attend to each other. */
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { crossAttention } from '../ops/cross-attention'
import { layerNorm } from '../ops/layernorm'
import { type Linear, linear } from '../ops/linear'
import { add } from '../ops/pointwise'
import { gatherRows } from '../ops/rows'
import type { Norm, WeightLoader } from './weights'

/** PyTorch's default, as in the reference implementation; Hugging Face transformers uses 1e-6 for norms 1 to 4. */
const EPS = 1e-5

export interface DecoderAttention {
  q: Linear
  k: Linear
  v: Linear
  out: Linear
}

export interface TwoWayLayer {
  selfAttention: DecoderAttention
  tokenToImage: DecoderAttention
  imageToToken: DecoderAttention
  norms: [Norm, Norm, Norm, Norm]
  lin1: Linear
  lin2: Linear
}

export interface TwoWayTransformer {
  heads: number
  layers: TwoWayLayer[]
  final: DecoderAttention
  finalNorm: Norm
}

async function loadAttention(loader: WeightLoader, path: string): Promise<DecoderAttention> {
  return {
    q: await loader.linear(`${path}.q_proj`),
    k: await loader.linear(`${path}.k_proj`),
    v: await loader.linear(`${path}.v_proj`),
    out: await loader.linear(`${path}.out_proj`),
  }
}

export async function loadTwoWay(loader: WeightLoader, depth: number, heads: number): Promise<TwoWayTransformer> {
  const root = 'mask_decoder.transformer'
  const layers: TwoWayLayer[] = []
  for (let i = 0; i < depth; i++) {
    const path = `${root}.layers.${i}`
    const norm = (n: number) => loader.norm(`${path}.norm${n}`)
    layers.push({
      selfAttention: await loadAttention(loader, `${path}.self_attn`),
      tokenToImage: await loadAttention(loader, `${path}.cross_attn_token_to_image`),
      imageToToken: await loadAttention(loader, `${path}.cross_attn_image_to_token`),
      norms: [await norm(1), await norm(2), await norm(3), await norm(4)],
      lin1: await loader.linear(`${path}.mlp.lin1`),
      lin2: await loader.linear(`${path}.mlp.lin2`),
    })
  }
  const final = await loadAttention(loader, `${root}.final_attn_token_to_image`)
  return { heads, layers, final, finalNorm: await loader.norm(`${root}.norm_final_attn`) }
}

export interface TwoWayShape {
  prompts: number
  /** Tokens of a prompt. */
  tokens: number
  /** Cells of the image embedding. */
  cells: number
  /** u32 (prompts): the number of each prompt's tokens that are present, the first ones; null if all are. */
  counts: Tensor | null
}

/** Projections (rows, internal width) of the image cells: keys and values of tokenToImage, queries of imageToToken. */
interface ImageSide {
  k: Tensor
  v: Tensor
  q: Tensor
}

/** source (rows, D) with the cells' position (cells, D) to its projections. */
export function projectImage(g: Graph, layer: TwoWayLayer, source: Tensor, position: Tensor): ImageSide {
  const placed = add(g, source, position)
  const { tokenToImage, imageToToken } = layer
  return {
    k: linear(g, placed, tokenToImage.k),
    v: linear(g, source, tokenToImage.v),
    q: linear(g, placed, imageToToken.q),
  }
}

/**
 * tokens (prompts·tokens, D), source and the cells' position (cells, D) to tokens and source (prompts·cells, D) after
 * all layers. The source is given for each prompt (prompts·cells, D), or for each image (images·cells, D) with the index of
 * each prompt's image, u32 (prompts): then the first layer projects each image once, not once for each prompt.
 */
export function twoWay(
  g: Graph,
  t: TwoWayTransformer,
  tokens: Tensor,
  source: Tensor,
  position: Tensor,
  shape: TwoWayShape,
  imageIndex: Tensor | null,
): { tokens: Tensor; source: Tensor } {
  const { prompts, cells } = shape
  const images = source.rows / cells
  const byPrompt = imageIndex && gatherRows(g, source.reshape(images, cells * source.columns), imageIndex)
  let state: readonly [Tensor, Tensor] = [tokens, byPrompt?.reshape(prompts * cells, source.columns) ?? source]
  t.layers.forEach((layer, i) => {
    const first = i === 0
    const [queries, image] = state
    state = g.segment(`decoder.${i}`, () => {
      const side = projectImage(g, layer, first ? source : image, position)
      const options = { ...shape, heads: t.heads, first, imageIndex: first ? imageIndex : null }
      const out = twoWayLayer(g, layer, queries, image, side, tokens, options)
      return [out.tokens, out.source] as const
    })
  })
  const [queries, image] = state
  const [attended] = g.segment('decoder.final', () => {
    const q = linear(g, add(g, queries, tokens), t.final.q)
    const k = linear(g, add(g, image, position), t.final.k)
    const v = linear(g, image, t.final.v)
    const own = { from: 'tokens', to: 'image', residual: queries, imageIndex: null } as const
    const o = { ...shape, heads: t.heads, ...own }
    return [attend(g, t.final, { q, k, v }, o)]
  })
  return { tokens: layerNorm(g, attended, t.finalNorm.gamma, t.finalNorm.beta, { eps: EPS }), source: image }
}

/**
 * One layer: tokens (prompts·tokens, D) and source (prompts·cells, D). The first has no position or residual in its
 * self-attention. With an index the projections `image` are those of images (see twoWay).
 */
export function twoWayLayer(
  g: Graph,
  layer: TwoWayLayer,
  tokens: Tensor,
  source: Tensor,
  image: ImageSide,
  tokenPosition: Tensor,
  shape: TwoWayShape & { heads: number; first: boolean; imageIndex: Tensor | null },
): { tokens: Tensor; source: Tensor } {
  const [norm1, norm2, norm3, norm4] = layer.norms
  const norm = (x: Tensor, n: Norm) => layerNorm(g, x, n.gamma, n.beta, { eps: EPS })
  const { selfAttention, tokenToImage, imageToToken } = layer
  const placed = shape.first ? tokens : add(g, tokens, tokenPosition)
  const own = {
    q: linear(g, placed, selfAttention.q),
    k: linear(g, placed, selfAttention.k),
    v: linear(g, tokens, selfAttention.v),
  }
  const residual = shape.first ? null : tokens
  let t = norm(attend(g, selfAttention, own, { ...shape, from: 'tokens', to: 'tokens', residual }), norm1)

  const q = linear(g, add(g, t, tokenPosition), tokenToImage.q)
  const seen = { q, k: image.k, v: image.v }
  t = norm(attend(g, tokenToImage, seen, { ...shape, from: 'tokens', to: 'image', residual: t }), norm2)
  t = norm(linear(g, linear(g, t, layer.lin1, { activation: 'relu' }), layer.lin2, { residual: t }), norm3)

  const k = linear(g, add(g, t, tokenPosition), imageToToken.k)
  const back = { q: image.q, k, v: linear(g, t, imageToToken.v) }
  const s = attend(g, imageToToken, back, { ...shape, from: 'image', to: 'tokens', residual: source })
  return { tokens: t, source: norm(s, norm4) }
}

interface Attend extends TwoWayShape {
  /** The image of each prompt (prompts), if the rows on the image's side belong to images. */
  imageIndex: Tensor | null
  heads: number
  from: 'tokens' | 'image'
  to: 'tokens' | 'image'
  residual: Tensor | null
}

/** Attends with projected q, k and v and applies the output projection; `residual` is added to the result. */
export function attend(
  g: Graph,
  a: DecoderAttention,
  { q, k, v }: { q: Tensor; k: Tensor; v: Tensor },
  o: Attend,
): Tensor {
  const length = { tokens: o.tokens, image: o.cells }
  const y = crossAttention(g, q, k, v, {
    batches: o.prompts,
    heads: o.heads,
    queries: length[o.from],
    keys: length[o.to],
    counts: o.to === 'tokens' ? o.counts : null,
    images:
      o.imageIndex && o.from !== o.to ? { side: o.from === 'image' ? 'queries' : 'keys', index: o.imageIndex } : null,
  })
  return linear(g, y, a.out, { residual: o.residual })
}
