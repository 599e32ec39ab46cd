/**
 * @file Attention at the encoders' shapes, windowed and global, with SAM's relative positions or TinyViT's bias: the fused
 * kernels, and the implementation that keeps the scores in memory. FLOPs are nominal: 4·L²·d per window and head forward, and
 * 2.5 times as many backward (five matrix products instead of two), even if a kernel recomputes some of them.
 */
import { attention } from '../../engine/ops/attention'
import { attentionMaterialised } from '../../engine/ops/attention-materialised'
import { windowMap } from '../../engine/ops/windows'
import { type MicroCase, floats } from '../micro-case'
import { inHigh } from '../precisions'

interface Shape {
  usage: string
  batch?: number
  grid: number
  window: number
  heads: number
  head: number
  kept: boolean
  quick?: boolean
  /** Also measured in precision high. */
  high?: boolean
}

const shapes: Shape[] = [
  { usage: 'TinyViT 512, stage 1', grid: 64, window: 7, heads: 4, head: 32, kept: true },
  { usage: 'TinyViT 512, stage 2', grid: 32, window: 14, heads: 5, head: 32, kept: true, quick: true },
  { usage: 'TinyViT 512, stage 3', grid: 32, window: 7, heads: 10, head: 32, kept: true },
  { usage: 'TinyViT 1024, stage 2', grid: 64, window: 14, heads: 5, head: 32, kept: false },
  { usage: 'ViT-B 512, windowed', grid: 32, window: 14, heads: 12, head: 64, kept: true, quick: true },
  { usage: 'ViT-B 512, global', grid: 32, window: 0, heads: 12, head: 64, kept: true },
  { usage: 'ViT-B 512, windowed, 8 images', batch: 8, grid: 32, window: 14, heads: 12, head: 64, kept: true },
  { usage: 'ViT-B 512, global, 8 images', batch: 8, grid: 32, window: 0, heads: 12, head: 64, kept: true, high: true },
  { usage: 'ViT-B 1024, windowed', grid: 64, window: 14, heads: 12, head: 64, kept: false },
  { usage: 'ViT-B 1024, global', grid: 64, window: 0, heads: 12, head: 64, kept: false },
]
const implementations = [
  { name: 'attention', op: attention },
  { name: 'attention with kept scores', op: attentionMaterialised },
]

function caseOf(shape: Shape, name: string, op: typeof attention): MicroCase {
  const { usage, batch = 1, grid, window, heads, head, quick = false } = shape
  return {
    name: `${name} ${grid}x${grid} window ${window || grid} heads ${heads}x${head} (${usage})`,
    quick: quick && op === attention,
    record(bench) {
      const map = windowMap(bench.engine, { batch, height: grid, width: grid, window })
      const rows = map.tokens + (map.pads ? 1 : 0)
      const channels = heads * head
      const tiny = usage.startsWith('TinyViT')
      const qkv = bench.variable('qkv', rows, 3 * channels)
      const bias = tiny ? bench.operand('bias', heads, map.length, map.length) : undefined
      const table = (side: number) => bench.operand('relative positions', 2 * side - 1, head)
      const relPos = tiny ? undefined : { h: table(map.sideH), w: table(map.sideW) }
      const output = op(bench.g, qkv, { heads, map, bias, relPos })
      const flops = 4 * map.windows * heads * map.length ** 2 * head
      const added = bias?.size ?? relPos!.h.size + relPos!.w.size
      const [whole, out] = [qkv.size, map.tokens * channels]
      return {
        output,
        forward: { flops, bytes: floats(whole, added, out) },
        backward: { flops: 2.5 * flops, bytes: floats(whole, added, out, out, whole) },
      }
    },
  }
}

export const attentionCases: MicroCase[] = shapes.flatMap((shape) =>
  implementations
    .filter(({ op }) => op === attention || shape.kept)
    .map(({ name, op }) => caseOf(shape, name, op))
    .flatMap((one) => (shape.high ? [one, inHigh(one, ', ')] : [one])),
)
