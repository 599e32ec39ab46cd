/**
 * @file Counts on the GPU the pixels that pairs of masks share, in batches that fit the adapter. Masks stay on the GPU: duplicates are
 * removed in several batches, and then overlaps are found, among the same masks.
 */
import shader from '../../shaders/mask-overlap.wgsl'
import type { Engine } from '../device/engine'
import { grid1d } from '../device/grid'
import type { PackedMask } from '../masks/bit-mask'
import { OneShotKernel, ScratchTensors } from '../device/one-shot-kernel'
import { Tensor } from '../device/tensor'

/** Words of masks on the GPU at one time: 32 MiB. */
const POOL_WORDS = 1 << 23
/** Numbers of a mask in the table. */
const FIELDS = 5
/** Pairs per dispatch. */
const PAIRS = 1 << 16

/** The masks on the GPU. */
interface Resident {
  /** Number of each in the table. */
  places: WeakMap<PackedMask, number>
  /** Five numbers a mask: see the shader. */
  table: number[]
  words: { used: number; capacity: number }
}

const nothing = (): Resident => ({ places: new WeakMap(), table: [], words: { used: 0, capacity: 0 } })

export class OverlapCounter {
  private readonly scratch: ScratchTensors
  private resident = nothing()

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

  /**
   * The number of pixels that masks pairs[2i] and pairs[2i + 1] share, for every i.
   * @param masks whose words do not change afterwards: the same object is uploaded once
   */
  async count(masks: readonly PackedMask[], pairs: Uint32Array): Promise<Uint32Array> {
    const result = new Uint32Array(pairs.length / 2)
    const used = [...new Set(pairs)]
    if (used.reduce((sum, i) => sum + masks[i].words.length, 0) <= this.poolWords) {
      this.upload(used.map((i) => masks[i]))
      const everything = Array.from(result, (_, i) => i)
      await this.countPairs(masks, pairs, everything, result)
      return result
    }
    const blocks = this.blocks(masks, used)
    const blockOf = new Uint32Array(masks.length)
    blocks.forEach((block, b) => block.forEach((i) => (blockOf[i] = b)))
    // pairs grouped by the two blocks that hold their masks
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
      this.upload((a === b ? blocks[a] : [...blocks[a], ...blocks[b]]).map((i) => masks[i]))
      await this.countPairs(masks, pairs, group, result)
    }
    return result
  }

  /** Masks, by index, in blocks of which two fit the pool. */
  private blocks(masks: readonly PackedMask[], used: readonly number[]): number[][] {
    const limit = Math.floor(this.poolWords / 2)
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

  /** Brings masks onto the GPU that are not there. If they do not fit beside the others, only they stay. */
  private upload(masks: readonly PackedMask[]): void {
    const { scratch } = this
    const lengthOf = (some: readonly PackedMask[]) => some.reduce((sum, { words }) => sum + words.length, 0)
    let missing = masks.filter((mask) => !this.resident.places.has(mask))
    if (!missing.length) return
    const { words } = this.resident
    if (words.used + lengthOf(missing) > words.capacity) {
      missing = [...masks]
      const needed = lengthOf(missing)
      this.resident = nothing()
      // room for as many again, because more masks will come
      this.resident.words.capacity = Math.max(needed, Math.min(this.poolWords, Math.max(2 * needed, words.capacity)))
    }
    const { places, table, words: held } = this.resident
    const added = new Uint32Array(lengthOf(missing))
    let at = 0
    for (const mask of missing) {
      const { column, columns, row, rows, words: own } = mask
      places.set(mask, table.length / FIELDS)
      table.push(held.used + at, column, columns, row, rows)
      added.set(own, at)
      at += own.length
    }
    const all = scratch.tensor('words', Math.max(1, held.capacity))
    if (at) this.engine.write(new Tensor(all.storage, [at], held.used), added)
    held.used += at
    scratch.upload('table', Uint32Array.from(table))
  }

  /** Counts some of the pairs, by index, of masks that are on the GPU. */
  private async countPairs(
    masks: readonly PackedMask[],
    pairs: Uint32Array,
    some: readonly number[],
    result: Uint32Array,
  ): Promise<void> {
    const { engine, scratch, kernel } = this
    const { places, table, words } = this.resident
    for (let from = 0; from < some.length; from += PAIRS) {
      const part = some.slice(from, from + PAIRS)
      const local = new Uint32Array(2 * part.length)
      part.forEach((i, at) => {
        local[2 * at] = places.get(masks[pairs[2 * i]])!
        local[2 * at + 1] = places.get(masks[pairs[2 * i + 1]])!
      })
      const shared = scratch.tensor('shared', part.length)
      const bound = {
        masks: scratch.tensor('table', table.length),
        words: scratch.tensor('words', Math.max(1, words.capacity)),
        pairs: scratch.upload('pairs', local),
        shared_pixels: shared,
      }
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
