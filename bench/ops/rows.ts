/** @file Copies of rows: an image's embedding repeated for its prompts, and unfolded patches. Memory-bound. */
import { unfoldPatches } from '../../engine/ops/patches'
import { gatherRows } from '../../engine/ops/rows'
import { type MicroCase, floats } from '../micro-case'

const gathers = [
  { prompts: 64, cells: 4096, usage: 'embedding of 64 prompts at 1024', quick: false },
  { prompts: 16, cells: 1024, usage: 'embedding of 16 prompts at 512', quick: true },
]
const DIM = 256

const gather = ({ prompts, cells, usage, quick }: (typeof gathers)[number]): MicroCase => ({
  name: `gather rows ${prompts}x${cells * DIM} (${usage})`,
  quick,
  record(bench) {
    const x = bench.variable('x', 1, cells * DIM)
    const index = bench.tensor('index', [prompts], new Uint32Array(prompts))
    const work = { flops: 0, bytes: floats(x.size, prompts * x.size) }
    return { output: gatherRows(bench.g, x, index), forward: work, backward: work }
  },
})

const unfold: MicroCase = {
  name: 'unfold patches 8x512x512x3 by 16 (ViT-B 512, eight images)',
  quick: false,
  record(bench) {
    const x = bench.operand('images', 8, 512, 512, 3)
    unfoldPatches(bench.g, x, { batch: 8, height: 512, width: 512, channels: 3 }, 16)
    return { output: null, forward: { flops: 0, bytes: floats(2 * x.size) } }
  },
}

export const rowsCases: MicroCase[] = [...gathers.map(gather), unfold]
