/**
 * @file Converts LoRA on parts of a fused qkv layer to LoRA on the whole layer, which PEFT can load, and back.
 *
 * For q and v of rank r: A = [A_q; A_v] of (2r, in), and B of (3·out, 2r) is zero except for B_q in the rows of q and
 * the first r columns, and B_v in the rows of v and the last r columns. The rank is then n·r for n parts; alpha is
 * multiplied by n, with rsLoRA by sqrt(n), to keep the scale. Other targets are padded with zeros to the same rank.
 */
import { UserError } from '../host/errors'
import { type Adapter, type AdapterConfig, type LoraPair, partOf } from './adapter'

type Part = 'q' | 'k' | 'v'
const order: readonly Part[] = ['q', 'k', 'v']
/** Width of TinyViT's heads in every stage. */
const TINY_VIT_HEAD = 32

/**
 * Replaces the parts of each qkv layer by one target, the whole layer, and returns which parts these were.
 * @throws UserError if layers have different parts
 */
export function fuseQkv({ config, tensors }: Adapter): { adapter: Adapter; parts: Part[] } {
  const layers = new Map<string, Map<Part, LoraPair>>()
  for (const [target, pair] of tensors.targets) {
    const part = partOf(target)
    if (part) layers.set(part.layer, (layers.get(part.layer) ?? new Map()).set(part.part, pair))
  }
  const parts = order.filter((part) => [...layers.values()].some((layer) => layer.has(part)))
  if (!parts.length) return { adapter: { config, tensors }, parts }
  const rank = parts.length * config.r
  const targets = new Map<string, LoraPair>()
  for (const [target, pair] of tensors.targets) if (!partOf(target)) targets.set(target, resize(pair, rank))
  for (const [layer, pairs] of layers) {
    if (pairs.size !== parts.length)
      throw new UserError(
        `${layer} adapts ${[...pairs.keys()].join(', ')} where other blocks adapt ${parts.join(', ')}: it cannot be fused`,
      )
    targets.set(
      layer,
      fuse(
        layer,
        parts.map((part) => [part, pairs.get(part)!]),
        config.r,
      ),
    )
  }
  return {
    adapter: { config: { ...config, r: rank, lora_alpha: rescaled(config, parts.length) }, tensors: { targets } },
    parts,
  }
}

/**
 * Splits whole-layer targets into parts. `parts` are those that fuseQkv returned. If they are unknown (null, for a file
 * that PEFT wrote), each of q, k and v gets all of A and its own rows of B, which is an equivalent adapter.
 * @throws UserError if the rank is not a multiple of the number of parts
 */
export function splitQkv({ config, tensors }: Adapter, parts: Part[] | null): Adapter {
  const groups = parts?.length ?? 1
  if (config.r % groups) throw new UserError(`an adapter of rank ${config.r} is not one of ${groups} fused parts`)
  const rank = config.r / groups
  const targets = new Map<string, LoraPair>()
  for (const [target, pair] of tensors.targets) {
    if (!target.endsWith('.qkv')) {
      targets.set(target, resize(pair, rank))
      continue
    }
    for (const part of parts ?? order)
      targets.set(target.replace(/qkv$/, part), split(target, pair, part, rank, parts?.indexOf(part) ?? 0))
  }
  return { config: { ...config, r: rank, lora_alpha: rescaled(config, 1 / groups) }, tensors: { targets } }
}

const rescaled = ({ lora_alpha, use_rslora }: AdapterConfig, factor: number) =>
  lora_alpha * (use_rslora ? Math.sqrt(factor) : factor)

function fuse(layer: string, pairs: [Part, LoraPair][], r: number): LoraPair {
  const { inDim, outDim } = pairs[0][1]
  const rank = pairs.length * r
  const A = new Float32Array(rank * inDim)
  const B = new Float32Array(3 * outDim * rank)
  pairs.forEach(([part, pair], group) => {
    A.set(pair.A, group * r * inDim)
    for (let i = 0; i < outDim; i++)
      B.set(pair.B.subarray(i * r, (i + 1) * r), fusedRow(layer, part, i, outDim) * rank + group * r)
  })
  return { A, B, r: rank, inDim, outDim: 3 * outDim }
}

function split(layer: string, pair: LoraPair, part: Part, r: number, group: number): LoraPair {
  const { inDim, outDim } = pair
  const rows = outDim / 3
  const B = new Float32Array(rows * r)
  for (let i = 0; i < rows; i++) {
    const from = fusedRow(layer, part, i, rows) * pair.r + group * r
    B.set(pair.B.subarray(from, from + r), i * r)
  }
  return { A: pair.A.slice(group * r * inDim, (group + 1) * r * inDim), B, r, inDim, outDim: rows }
}

/**
 * The row in the checkpoint's fused layer of row i of a part: ViT has [q | k | v], TinyViT [q | k | v] within each
 * head.
 */
export function fusedRow(layer: string, part: Part, i: number, rows: number): number {
  const at = order.indexOf(part)
  if (!/\.layers\.\d+\.blocks\./.test(layer)) return at * rows + i
  const head = Math.floor(i / TINY_VIT_HEAD)
  return (head * 3 + at) * TINY_VIT_HEAD + (i % TINY_VIT_HEAD)
}

/** Changes the rank of a pair: adds zeros, or removes those that fuseQkv added. */
function resize({ A, B, r, inDim, outDim }: LoraPair, rank: number): LoraPair {
  if (r === rank) return { A, B, r, inDim, outDim }
  const a = new Float32Array(rank * inDim)
  a.set(A.subarray(0, Math.min(r, rank) * inDim))
  const b = new Float32Array(outDim * rank)
  for (let i = 0; i < outDim; i++) b.set(B.subarray(i * r, i * r + Math.min(r, rank)), i * rank)
  return { A: a, B: b, r: rank, inDim, outDim }
}
