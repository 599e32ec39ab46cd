/** @file Reads many blocks of a tensor to the host with few copies, by gathering them into one buffer on the GPU first. */
import shader from '../../shaders/mask-gather.wgsl'
import type { Engine } from './engine'
import { grid1d } from './grid'
import { OneShotKernel, ScratchTensors } from './one-shot-kernel'
import type { Tensor } from './tensor'

/** A rectangle of a two-dimensional plane in a tensor, in 32-bit words. */
export interface TensorBlock {
  /** Index in the tensor of the block's first word. */
  first: number
  /** Words between the starts of consecutive rows in the tensor. */
  stride: number
  columns: number
  rows: number
}

export class BlockReader {
  private readonly scratch: ScratchTensors

  private constructor(
    private readonly engine: Engine,
    private readonly kernel: OneShotKernel,
    private readonly chunkWords: number,
  ) {
    this.scratch = new ScratchTensors(engine)
  }

  /** @param chunkWords maximum number of words copied at once, unless a single block is larger */
  static async create(engine: Engine, chunkWords: number): Promise<BlockReader> {
    return new BlockReader(engine, await OneShotKernel.create(engine, shader, 'gather'), chunkWords)
  }

  /** The words of each block, row by row. */
  async read(x: Tensor, blocks: readonly TensorBlock[]): Promise<Uint32Array[]> {
    const out: Uint32Array[] = []
    for (let next = 0; next < blocks.length;) {
      const chunk: TensorBlock[] = []
      let words = 0
      while (next < blocks.length) {
        const size = blocks[next].columns * blocks[next].rows
        if (chunk.length && words + size > this.chunkWords) break
        chunk.push(blocks[next++])
        words += size
      }
      out.push(...(await this.readChunk(x, chunk, words)))
    }
    return out
  }

  private async readChunk(x: Tensor, chunk: readonly TensorBlock[], words: number): Promise<Uint32Array[]> {
    const { scratch } = this
    const table = new Uint32Array(4 * chunk.length)
    let start = 0
    chunk.forEach(({ first, stride, columns, rows }, i) => {
      table.set([start, columns, first, stride], 4 * i)
      start += columns * rows
    })
    const y = scratch.tensor('gathered', words)
    this.kernel.run({ parts: scratch.upload('parts', table), x, y }, { words, parts: chunk.length }, grid1d(words))
    const read = new Uint32Array(await this.engine.readBytes(y))
    let at = 0
    return chunk.map(({ columns, rows }) => read.slice(at, (at += columns * rows)))
  }

  destroy(): void {
    this.scratch.destroy()
    this.kernel.destroy()
  }
}
