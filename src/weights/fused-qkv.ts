/**
 * @file Converts LoRA on parts of a fused qkv layer to LoRA on the whole layer, which PEFT can load, and back.
 *
 * For q and v of rank r: A = [A_q; A_v] of (2r, in), and B of (3·out, 2r) is zero except for B_q in the rows of q and
 * the first r columns, and B_v in the rows of v and the last r columns. The rank is then n·r for n parts, and the scale,
 * the factor of B·A, is the same.
 */
import { UserError } from '../host/errors'
import { type Adapter, type LoraPair, partOf } from '../../engine/train/adapter'

export type Part = 'q' | 'k' | 'v'
const order: readonly Part[] = ['q', 'k', 'v']
/** Width of TinyViT's heads in every stage. */
const TINY_VIT_HEAD = 32

/** Targets by path, with whole layers in the place of fused parts. */
export interface FusedAdapter {
  /** The rank of a fused layer is the adapter's times the number of parts; the factor of B·A is the adapter's. */
  targets: Map<string, LoraPair>
  /** The parts that were fused, in the order of their ranks; none if the adapter has no parts. */
  parts: Part[]
}

/**
 * Replaces the parts of each qkv layer by one target, the whole layer.
 * @throws UserError if layers have different parts
 */
export function fuseQkv({ config, tensors }: Adapter): FusedAdapter {
  const layers = new Map<string, Map<Part, LoraPair>>()
  const targets = new Map<string, LoraPair>()
  for (const [target, pair] of tensors.targets) {
    const part = partOf(target)
    if (part) layers.set(part.layer, (layers.get(part.layer) ?? new Map()).set(part.part, pair))
    else targets.set(target, pair)
  }
  const parts = order.filter((part) => [...layers.values()].some((layer) => layer.has(part)))
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
  return { targets, parts }
}

/**
 * Splits one whole layer into its parts, by target. `parts` are those that fuseQkv returned. If they are unknown (null, for
 * a file that PEFT wrote), each of q, k and v gets all of A and its own rows of B, which is an equivalent adapter.
 * @throws UserError if the rank is not a multiple of the number of parts, or the rows are not those of q, k and v
 */
export function splitQkv(layer: string, pair: LoraPair, parts: readonly Part[] | null): Map<string, LoraPair> {
  const groups = parts?.length || 1
  if (pair.r % groups) throw new UserError(`${layer} of rank ${pair.r} is not made of ${groups} fused parts`)
  if (pair.outDim % 3) throw new UserError(`${layer} of ${pair.outDim} rows is no layer of q, k and v`)
  const rank = pair.r / groups
  return new Map(
    (parts ?? order).map((part, i) => [layer.replace(/qkv$/, part), split(layer, pair, part, rank, parts ? i : 0)]),
  )
}

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

/** Raises the rank of a pair with zeros, and multiplies B by a factor. */
export function padded({ A, B, r, inDim, outDim }: LoraPair, rank: number, factor = 1): LoraPair {
  if (r === rank && factor === 1) return { A, B, r, inDim, outDim }
  const a = new Float32Array(rank * inDim)
  a.set(A)
  const b = new Float32Array(outDim * rank)
  for (let i = 0; i < outDim; i++) for (let j = 0; j < r; j++) b[i * rank + j] = factor * B[i * r + j]
  return { A: a, B: b, r: rank, inDim, outDim }
}
