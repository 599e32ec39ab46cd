/** @file The mask decoder's two-way transformer: tokens and image attend to each other. */
import type { Graph } from '../graph/graph'
import type { Tensor } from '../graph/tensor'
import { crossAttention } from '../ops/cross-attention'
import { layerNorm } from '../ops/layernorm'
import { type Linear, linear } from '../ops/linear'
import { add } from '../ops/pointwise'
import type { Norm, WeightLoader } from './weights'

/** The public reference's LayerNorms here have torch's default; transformers' copy uses 1e-6 for norms 1 to 4. */
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
  /** Tokens a prompt, image cells a prompt. */
  tokens: number
  cells: number
  /** u32 (prompts): tokens beyond the count are absent. */
  counts: Tensor | null
}

/**
 * tokens (prompts·tokens, D), source (prompts·cells, D) and the cells' position (cells, D) to both after attending.
 */
export function twoWay(
  g: Graph,
  t: TwoWayTransformer,
  tokens: Tensor,
  source: Tensor,
  position: Tensor,
  shape: TwoWayShape,
): { tokens: Tensor; source: Tensor } {
  let queries = tokens
  let image = source
  t.layers.forEach((layer, i) => {
    const out = twoWayLayer(g, layer, queries, image, tokens, position, { ...shape, heads: t.heads, first: i === 0 })
    queries = out.tokens
    image = out.source
  })
  const q = add(g, queries, tokens)
  const k = add(g, image, position)
  queries = attend(g, t.final, q, k, image, { ...shape, heads: t.heads, from: 'tokens', to: 'image', residual: queries })
  return { tokens: layerNorm(g, queries, t.finalNorm.gamma, t.finalNorm.beta, { eps: EPS }), source: image }
}

/** In the first layer the self-attention has neither position nor residual. */
export function twoWayLayer(
  g: Graph,
  layer: TwoWayLayer,
  tokens: Tensor,
  source: Tensor,
  tokenPosition: Tensor,
  position: Tensor,
  shape: TwoWayShape & { heads: number; first: boolean },
): { tokens: Tensor; source: Tensor } {
  const [norm1, norm2, norm3, norm4] = layer.norms
  const norm = (x: Tensor, n: Norm) => layerNorm(g, x, n.gamma, n.beta, { eps: EPS })
  const placed = shape.first ? tokens : add(g, tokens, tokenPosition)
  const residual = shape.first ? null : tokens
  let t = attend(g, layer.selfAttention, placed, placed, tokens, { ...shape, from: 'tokens', to: 'tokens', residual })
  t = norm(t, norm1)

  const q = add(g, t, tokenPosition)
  const k = add(g, source, position)
  t = norm(attend(g, layer.tokenToImage, q, k, source, { ...shape, from: 'tokens', to: 'image', residual: t }), norm2)
  t = norm(linear(g, linear(g, t, layer.lin1, { activation: 'relu' }), layer.lin2, { residual: t }), norm3)

  const q2 = add(g, t, tokenPosition)
  const s = attend(g, layer.imageToToken, k, q2, t, { ...shape, from: 'image', to: 'tokens', residual: source })
  return { tokens: t, source: norm(s, norm4) }
}

interface Attend extends TwoWayShape {
  heads: number
  from: 'tokens' | 'image'
  to: 'tokens' | 'image'
  residual: Tensor | null
}

/** Projects, attends and projects back; `residual` is added to the result. */
export function attend(g: Graph, a: DecoderAttention, q: Tensor, k: Tensor, v: Tensor, o: Attend): Tensor {
  const length = { tokens: o.tokens, image: o.cells }
  const y = crossAttention(g, linear(g, q, a.q), linear(g, k, a.k), linear(g, v, a.v), {
    batches: o.prompts,
    heads: o.heads,
    queries: length[o.from],
    keys: length[o.to],
    counts: o.to === 'tokens' ? o.counts : null,
  })
  return linear(g, y, a.out, { residual: o.residual })
}
