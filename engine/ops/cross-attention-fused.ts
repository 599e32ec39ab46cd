/**
 * @file Attention between separate q, k and v without a matrix of scores, if one side has few rows: shaders/lib/
 * cross-attention.wgsl says how. Products of a few rows would leave most of a tile empty.
 */
import eight from '../../shaders/cross-attention8.wgsl'
import sixteen from '../../shaders/cross-attention16.wgsl'
import thirtyTwo from '../../shaders/cross-attention32.wgsl'
import { grid1d } from '../device/grid'
import type { Tensor } from '../device/tensor'
import type { Graph, GradientTarget } from '../graph/graph'
import type { CrossAttention } from './cross-attention-sizes'
import { collectRows } from './rows'

/** By the length of a head. */
const SHADERS = { 8: eight, 16: sixteen, 32: thirtyTwo } as const
/** Lanes of the kernels that go through the side with many rows, and the most rows on the side with few, as in the shader. */
const [LANES, MAX_SLOTS] = [128, 16]
/** Workgroups that these kernels should have: some for each compute unit of a large GPU (see gemm-split.ts). */
const WORKGROUPS = 1024

interface Plan {
  shader: (typeof SHADERS)[keyof typeof SHADERS]
  fewKeys: boolean
  params: Record<
    | 'batches'
    | 'heads'
    | 'queries'
    | 'keys'
    | 'chunk'
    | 'chunks'
    | 'slots'
    | 'subsets'
    | 'masked'
    | 'by_image'
    | 'scale',
    number
  >
  /** The chunks, for all batches. */
  chunkGrid: [number, number]
}

/** How to run the attention of q (…, channels); null if its sizes do not suit the kernels. */
function planOf(channels: number, { batches, heads, queries, keys, counts, images }: CrossAttention): Plan | null {
  const head = channels / heads
  const shader = SHADERS[head as keyof typeof SHADERS]
  const fewKeys = keys <= MAX_SLOTS
  const [few, many] = fewKeys ? [keys, queries] : [queries, keys]
  const slots = Math.max(1, 2 ** Math.ceil(Math.log2(few)))
  if (!shader || few > MAX_SLOTS || heads * slots > LANES || LANES % heads) return null
  if (images && (images.side === 'keys') === fewKeys) return null
  const block = LANES / heads
  const blocks = Math.ceil(many / block)
  const chunk = block * Math.ceil(blocks / Math.ceil(WORKGROUPS / batches))
  const chunks = Math.ceil(many / chunk)
  const sizes = { batches, heads, queries, keys, chunk, chunks, slots, subsets: LANES / (heads * slots) }
  const params = { ...sizes, masked: counts ? 1 : 0, by_image: images ? 1 : 0, scale: head ** -0.5 }
  return { shader, fewKeys, params, chunkGrid: [chunks, batches] }
}

/** As crossAttention; null if the sizes do not suit the kernels: then nothing is recorded. */
export function crossAttentionFused(g: Graph, q: Tensor, k: Tensor, v: Tensor, o: CrossAttention): Tensor | null {
  const plan = planOf(q.columns, o)
  if (!plan) return null
  const { shader, fewKeys, params, chunkGrid } = plan
  const { batches, heads, queries, keys, counts = null } = o
  const images = o.images?.index ?? null
  const head = q.columns / heads
  const unset = { keep: 0, add_q: 0, add_k: 0, add_v: 0 }
  const parts = params.chunks * params.subsets
  /** Results for parts of the side with many rows: `numbers` values for each head of a row on the side with few. */
  const partsTensor = (numbers: number) =>
    g.tensor('attention: parts', [batches, parts, (fewKeys ? keys : queries) * heads, numbers], 'statistic')
  const out = g.tensor('attention output', [batches * queries, q.columns])
  const queryGrid = grid1d(batches * queries * heads, 64)
  const run = (
    entry: string,
    bindings: Record<string, Tensor | null>,
    grid: [number, number],
    more: Partial<typeof unset> = {},
  ) => g.dispatch(shader, entry, bindings, { ...params, ...unset, ...more }, grid)

  const training = g.training && [q, k, v].some((tensor) => tensor.requiresGrad)
  const logSums = training && !fewKeys ? g.tensor('attention: log sums', [batches * queries, heads], 'statistic') : null
  if (fewKeys)
    run('few_keys_forward', { q, k, v, counts, images, out }, [Math.ceil((queries * heads) / LANES), batches])
  else {
    const found = partsTensor(head + 4)
    run('few_queries_parts', { q, k, v, counts, images, key_parts_out: found }, chunkGrid)
    run('few_queries_forward', { key_parts: found, out, log_sums_out: logSums }, queryGrid, { keep: logSums ? 1 : 0 })
  }

  g.record([q, k, v], out, (dout) => {
    const wanted = { q: gradientOf(g, q, batches, o, 'queries'), k: gradientOf(g, k, batches, o, 'keys') }
    const targets = { ...wanted, v: gradientOf(g, v, batches, o, 'keys') }
    const [dq, dk, dv] = [targets.q.tensor, targets.k.tensor, targets.v.tensor]
    const add = { add_q: targets.q.accumulate, add_k: targets.k.accumulate, add_v: targets.v.accumulate }
    if (fewKeys) {
      const found = partsTensor(2 * head)
      run('few_keys_backward', { q, k, v, counts, images, dout, dq, query_parts_out: found }, chunkGrid, add)
      run('few_keys_sum', { query_parts: found, dk, dv }, grid1d(batches * keys * heads, 64), add)
    } else {
      const found = partsTensor(head)
      const prepared = g.tensor('attention: queries', [batches * queries * heads, 2 * head + 4], 'statistic')
      run('few_queries_prepare', { q, dout, log_sums: logSums, forward_out: out, prepared_out: prepared }, queryGrid)
      run('few_queries_backward', { prepared, k, v, counts, images, dk, dv, dq_parts_out: found }, chunkGrid, add)
      run('few_queries_sum', { dq_parts: found, dq }, queryGrid, add)
    }
    for (const target of Object.values(targets)) target.finish()
  })
  return out
}

/**
 * Where the kernels write a gradient: its target; memory that nothing reads if it is not wanted; or, for rows that belong to
 * images, the gradients of all batches, which `finish` adds up by image.
 */
function gradientOf(
  g: Graph,
  x: Tensor,
  batches: number,
  { images, queries, keys }: CrossAttention,
  side: 'queries' | 'keys',
): GradientTarget & { finish(): void } {
  const rows = batches * (side === 'queries' ? queries : keys)
  const target = g.gradientTarget(x)
  const finish = () => {}
  if (target && images?.side !== side) return { ...target, finish }
  const tensor = g.tensor(`${x.label}: gradient${target ? ' by batch' : ', unwanted'}`, [rows, x.columns], 'gradient')
  if (!target) return { tensor, accumulate: 0, finish }
  return { tensor, accumulate: 0, finish: () => collectRows(g, tensor, images!.index, target) }
}
