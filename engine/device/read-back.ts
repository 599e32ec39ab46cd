/** @file Reads many parts of a tensor to the host in few pieces: they are laid behind each other on the GPU first. */
import shader from '../../shaders/mask-gather.wgsl'
import type { Engine } from './engine'
import { grid1d } from '../graph/grid'
import type { Tensor } from './tensor'
import { Kernel, Scratch } from './one-shot-kernel'

/** Rows of a part of a plane, in words. */
export interface Copy {
  /** Its first word in the tensor. */
  first: number
  /** From row to row in the tensor. */
  stride: number
  columns: number
  rows: number
}

export class Gatherer {
  private readonly scratch: Scratch

  private constructor(
    private readonly engine: Engine,
    private readonly kernel: Kernel,
    private readonly chunkWords: number,
  ) {
    this.scratch = new Scratch(engine)
  }

  /** @param chunkWords read at once, unless one part alone is larger */
  static async create(engine: Engine, chunkWords: number): Promise<Gatherer> {
    return new Gatherer(engine, await Kernel.create(engine, shader, 'gather'), chunkWords)
  }

  /** Each part's words, row by row. */
  async read(x: Tensor, parts: readonly Copy[]): Promise<Uint32Array[]> {
    const out: Uint32Array[] = []
    for (let next = 0; next < parts.length;) {
      const chunk: Copy[] = []
      let words = 0
      while (next < parts.length) {
        const own = parts[next].columns * parts[next].rows
        if (chunk.length && words + own > this.chunkWords) break
        chunk.push(parts[next++])
        words += own
      }
      out.push(...(await this.readChunk(x, chunk, words)))
    }
    return out
  }

  private async readChunk(x: Tensor, chunk: readonly Copy[], words: number): Promise<Uint32Array[]> {
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
