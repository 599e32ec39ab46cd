/** @file Runs a prompt head on the embedding of an encoded image and reads its maps. */
import type { Engine } from '../device/engine'
import { Graph } from '../graph/graph'
import type { Program } from '../graph/program'
import type { Tensor } from '../device/tensor'
import { PROMPT_MAPS, type PromptHead } from './prompt-head'
import type { PromptMaps } from './prompt-maps'

/** Runs a prompt head on encoded images and reads its maps. */
export class PromptMapReader {
  private constructor(
    private readonly program: Program,
    private readonly logits: Tensor,
    private readonly side: number,
  ) {}

  /**
   * Records the head. The embedding (side², D) has separate memory, into which another program writes the image's, as
   * `Predictor.encoded` does: every `read` uses the values of that time.
   * @throws Error if the embedding is not of one image, or does not fit the head
   */
  static async create(engine: Engine, head: PromptHead, embedding: Tensor): Promise<PromptMapReader> {
    const side = Math.sqrt(embedding.rows)
    if (!Number.isInteger(side))
      throw new Error(`${embedding.label} [${embedding.shape}] is not the embedding of one image`)
    const g = new Graph(engine)
    const logits = g.keep(head.record(g, embedding, side))
    return new PromptMapReader(await g.compile(), logits, 4 * side)
  }

  /** Bytes of GPU memory that it holds, without the head's. */
  get bytes(): number {
    return this.program.bytes
  }

  /** The maps of the image whose embedding was written last. @throws Error that the device reported */
  async read(): Promise<PromptMaps> {
    this.program.run()
    const logits = await this.program.read(this.logits)
    const probability = (_: string, map: number) => {
      const values = new Float32Array(this.side ** 2)
      for (let i = 0; i < values.length; i++) values[i] = 1 / (1 + Math.exp(-logits[PROMPT_MAPS.length * i + map]))
      return values
    }
    const [foreground, centre, distance] = PROMPT_MAPS.map(probability)
    return { side: this.side, foreground, centre, distance }
  }

  destroy(): void {
    this.program.destroy()
  }
}
