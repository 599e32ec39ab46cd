/** @file Counts on the GPU the pixels that pairs of masks share, in batches that fit the adapter. */
import shader from '../../shaders/mask-overlap.wgsl'
import type { Engine } from '../device/engine'
import { grid1d } from '../device/grid'
import type { PackedMask } from '../masks/bit-mask'
import { OneShotKernel, ScratchTensors } from '../device/one-shot-kernel'

/** Words of masks on the GPU at one time: 32 MiB. */
const POOL_WORDS = 1 << 23
/** Pairs per dispatch. */
const PAIRS = 1 << 16

export class OverlapCounter {
  private readonly scratch: ScratchTensors

  private constructor(
    private readonly engine: Engine,
    private readonly kernel: OneShotKernel,
    private readonly poolWords: number,
  ) {
    this.scratch = new ScratchTensors(engine)
  }

  /** @param poolWords smaller in tests */
  static async create(engine: Engine, poolWords = POOL_WORDS): Promise<OverlapCounter> {
    return new OverlapCounter(engine, await OneShotKernel.create(engine, shader, 'overlap'), poolWords)
  }

  /** The number of pixels that masks pairs[2i] and pairs[2i + 1] share, for every i. */
  async count(masks: readonly PackedMask[], pairs: Uint32Array): Promise<Uint32Array> {
    const result = new Uint32Array(pairs.length / 2)
    const blocks = this.blocks(masks, pairs)
    const blockOf = new Uint32Array(masks.length)
    blocks.forEach((block, b) => block.forEach((i) => (blockOf[i] = b)))
    // pairs grouped by the two blocks that hold their masks; usually there is one block and one group
    const groups = new Map<number, number[]>()
    for (let i = 0; i < result.length; i++) {
      const [a, b] = [blockOf[pairs[2 * i]], blockOf[pairs[2 * i + 1]]]
      const key = Math.min(a, b) * blocks.length + Math.max(a, b)
      const group = groups.get(key)
      if (group) group.push(i)
      else groups.set(key, [i])
    }
    for (const [key, group] of groups) {
      const [a, b] = [Math.floor(key / blocks.length), key % blocks.length]
      await this.countGroup(masks, a === b ? blocks[a] : [...blocks[a], ...blocks[b]], pairs, group, result)
    }
    return result
  }

  /** The indices of the masks that occur in pairs, in blocks of which two fit the pool. */
  private blocks(masks: readonly PackedMask[], pairs: Uint32Array): number[][] {
    const used = [...new Set(pairs)]
    const total = used.reduce((sum, i) => sum + masks[i].words.length, 0)
    const limit = total <= this.poolWords ? this.poolWords : Math.floor(this.poolWords / 2)
    const blocks: number[][] = []
    let words = Infinity
    for (const i of used) {
      const own = masks[i].words.length
      if (words + own > limit) {
        blocks.push([])
        words = 0
      }
      blocks[blocks.length - 1].push(i)
      words += own
    }
    return blocks
  }

  private async countGroup(
    masks: readonly PackedMask[],
    block: readonly number[],
    pairs: Uint32Array,
    group: readonly number[],
    result: Uint32Array,
  ): Promise<void> {
    const { engine, scratch, kernel } = this
    const table = new Uint32Array(5 * block.length)
    const words = new Uint32Array(
      Math.max(
        1,
        block.reduce((sum, i) => sum + masks[i].words.length, 0),
      ),
    )
    const indexInBlock = new Map<number, number>()
    let start = 0
    block.forEach((i, at) => {
      const { column, columns, row, rows, words: own } = masks[i]
      table.set([start, column, columns, row, rows], 5 * at)
      words.set(own, start)
      start += own.length
      indexInBlock.set(i, at)
    })
    const tensors = { masks: scratch.upload('table', table), words: scratch.upload('words', words) }
    for (let from = 0; from < group.length; from += PAIRS) {
      const part = group.slice(from, from + PAIRS)
      const local = new Uint32Array(2 * part.length)
      part.forEach((i, at) => {
        local[2 * at] = indexInBlock.get(pairs[2 * i])!
        local[2 * at + 1] = indexInBlock.get(pairs[2 * i + 1])!
      })
      const shared = scratch.tensor('shared', part.length)
      const bound = { ...tensors, pairs: scratch.upload('pairs', local), shared_pixels: shared }
      kernel.run(bound, { pairs: part.length }, grid1d(part.length, 1))
      const counts = new Uint32Array(await engine.readBytes(shared))
      part.forEach((i, at) => (result[i] = counts[at]))
    }
  }

  destroy(): void {
    this.scratch.destroy()
    this.kernel.destroy()
  }
}
