/**
 * @file Turns the logits of one pass of the mask decoder into packed masks on the GPU. The host first reads the boxes and
 * counts of all masks, then the bits of those that pass the thresholds. Memory is bounded: masks are computed in chunks of a
 * fixed size.
 */
import bitsShader from '../../shaders/mask-bits.wgsl'
import selectShader from '../../shaders/mask-select.wgsl'
import type { Engine } from '../device/engine'
import { grid1d } from '../device/grid'
import type { Tensor } from '../device/tensor'
import type { Size } from '../image/size'
import type { Box } from '../image/box'
import type { LogitWindow } from './candidate'
import type { RejectedCounts, DecodedMask, MaskThresholds } from './decoded-mask'
import { BlockReader, type TensorBlock } from '../device/read-back'
import { type PackedMask, wordsAround } from '../masks/bit-mask'
import { MASK_TOKENS } from '../sam/mask-decoder'
import { type TokenRange, ambiguousTokens } from './prompt'
import { UpscaleAxes } from '../image/upscale-axes'
import { OneShotKernel, ScratchTensors } from '../device/one-shot-kernel'

/** Words of masks computed in one chunk, unless one mask alone is larger: 16 MiB, and as much for their counts. */
const CHUNK_WORDS = 1 << 22
/** Logits are kept this far below what the stability score needs, so that the threshold can be lowered by as much. */
const THRESHOLD_MARGIN = 2
/** Cells around the logits above the lowest threshold that are kept too: interpolated pixels read them. */
const WINDOW_MARGIN = 2

const entryPoints = {
  select: [selectShader, 'select'],
  window: [selectShader, 'window'],
  threshold: [bitsShader, 'threshold'],
  measure: [bitsShader, 'measure'],
} as const

/** A mask that passed the test of predicted IoU: its plane of logits, and the words of the image that it may occupy. */
interface MaskJob extends Omit<PackedMask, 'words'> {
  /** Index of the plane of logits: MASK_TOKENS * prompt + token. */
  plane: number
  predictedIou: number
  /** The box of the logits above the lowest threshold. */
  window: Box
}

export class MaskReader {
  private readonly scratch: ScratchTensors
  private axes: UpscaleAxes | null = null
  private table: Tensor | null = null

  private constructor(
    private readonly engine: Engine,
    readonly side: number,
    readonly inputSize: number,
    private readonly kernels: Record<keyof typeof entryPoints, OneShotKernel>,
    private readonly blockReader: BlockReader,
    private readonly chunkWords: number,
  ) {
    this.scratch = new ScratchTensors(engine)
  }

  /** @param side of the logits · @param inputSize side of the model's input square · @param chunkWords smaller in tests */
  static async create(engine: Engine, side: number, inputSize: number, chunkWords = CHUNK_WORDS): Promise<MaskReader> {
    const made = await Promise.all(
      Object.entries(entryPoints).map(async ([name, [shader, entry]]) => [
        name,
        await OneShotKernel.create(engine, shader, entry),
      ]),
    )
    const blockReader = await BlockReader.create(engine, chunkWords)
    return new MaskReader(engine, side, inputSize, Object.fromEntries(made), blockReader, chunkWords)
  }

  /** Sets the size of the masks to read. @throws Error if one mask exceeds the adapter's largest binding */
  setImage(image: Size): void {
    const words = Math.ceil(image.width / 32) * image.height
    if (words * 4 > this.engine.maxBinding)
      throw new Error(
        `a mask of ${image.width}x${image.height} pixels takes ${words * 4} bytes, over the ${this.engine.maxBinding} that this adapter binds at once: use tiles`,
      )
    this.axes = new UpscaleAxes(this.side, this.inputSize, image)
    this.table = this.scratch.upload('axes', this.axes.table())
  }

  /**
   * The masks of some tokens of the first `prompts` prompts, sorted by prompt and token.
   * @param results of the decoder: logits (P, MASK_TOKENS, side²) and iou (P, MASK_TOKENS)
   * @param counts is increased by the number of masks that each test rejected
   * @throws Error if no size was set
   */
  async read(
    { logits, iou }: { logits: Tensor; iou: Tensor },
    prompts: number,
    thresholds: MaskThresholds,
    counts: RejectedCounts,
    tokens: TokenRange = ambiguousTokens,
  ): Promise<DecodedMask[]> {
    if (!this.axes) throw new Error('call setImage before reading masks')
    const jobs = await this.select(logits, iou, prompts, tokens, thresholds)
    counts.floorPredIou += tokens.count * prompts - jobs.length
    const found: DecodedMask[] = []
    let chunk: MaskJob[] = []
    let words = 0
    const flush = async () => {
      if (chunk.length) found.push(...(await this.decode(logits, chunk, words, thresholds, counts)))
      chunk = []
      words = 0
    }
    for (const job of jobs) {
      const own = job.columns * job.rows
      if (!own) {
        counts.floorStability++ // no logit is above the lower threshold: the stability is 0/0
        continue
      }
      if (words + own > this.chunkWords) await flush()
      chunk.push(job)
      words += own
    }
    await flush()
    return found
  }

  /** The lowest logit that is kept, in f32 as the shader compares it. */
  private lowest({ maskThreshold, stabilityScoreOffset, keepLogits }: MaskThresholds): number {
    return Math.fround(maskThreshold - stabilityScoreOffset - (keepLogits ? THRESHOLD_MARGIN : 0))
  }

  /** Selects masks by predicted IoU, and finds where each may have pixels. */
  private async select(
    logits: Tensor,
    iou: Tensor,
    prompts: number,
    tokens: TokenRange,
    thresholds: MaskThresholds,
  ): Promise<MaskJob[]> {
    const { scratch, side } = this
    const masks = tokens.count * prompts
    const list = scratch.tensor('places', 1 + masks)
    const found = scratch.tensor('windows', 8 + 8 * masks)
    const params = {
      masks,
      first: tokens.first,
      tokens: tokens.count,
      side,
      all: thresholds.predIouThresh > 0 ? 0 : 1,
      threshold: thresholds.predIouThresh,
      lowest: this.lowest(thresholds),
    }
    this.kernels.select.run({ iou, list }, params, [1, 1])
    this.kernels.window.run({ iou, places: list, logits, found }, params, [masks, 1])
    const bytes = await this.engine.readBytes(found)
    const [values, floats] = [new Uint32Array(bytes), new Float32Array(bytes)]
    return Array.from({ length: values[0] }, (_, i): MaskJob => {
      const at = 8 + 8 * i
      const [x0, y0, x1, y1] = values.subarray(at + 1, at + 5)
      const window: Box = { x0, y0, x1, y1 }
      const job = { plane: values[at], predictedIou: floats[at + 5], window }
      const pixels = x1 >= x0 ? this.axes!.reached(window) : null
      if (!pixels) return { ...job, column: 0, columns: 0, row: 0, rows: 0 }
      return { ...job, ...wordsAround(pixels) }
    })
  }

  /** Computes the masks of some jobs, and reads back those that pass the thresholds. */
  private async decode(
    logits: Tensor,
    jobs: readonly MaskJob[],
    words: number,
    thresholds: MaskThresholds,
    counts: RejectedCounts,
  ): Promise<DecodedMask[]> {
    const { scratch, axes } = this
    const table = new Uint32Array(6 * jobs.length)
    let start = 0
    const starts = jobs.map(({ plane, column, columns, row, rows }, i) => {
      table.set([plane, start, column, columns, row, rows], 6 * i)
      start += columns * rows
      return start - columns * rows
    })
    const [bits, parts] = [scratch.tensor('bits', words), scratch.tensor('counts', words)]
    const measures = scratch.tensor('measures', 8 * jobs.length)
    const tensors = { jobs: scratch.upload('jobs', table), logits, axes: this.table!, bits, parts }
    const params = {
      words,
      jobs: jobs.length,
      side: this.side,
      width: axes!.image.width,
      height: axes!.image.height,
      valid_width: axes!.valid.width,
      valid_height: axes!.valid.height,
      below: thresholds.maskThreshold - thresholds.stabilityScoreOffset,
      middle: thresholds.maskThreshold,
      above: thresholds.maskThreshold + thresholds.stabilityScoreOffset,
    }
    this.kernels.threshold.run(tensors, params, grid1d(words, 64))
    this.kernels.measure.run(
      { jobs: tensors.jobs, made: bits, counted: parts, measures },
      params,
      grid1d(jobs.length, 1),
    )
    const m = new Uint32Array(await this.engine.readBytes(measures))

    const found: DecodedMask[] = []
    const [windows, sources]: [TensorBlock[], TensorBlock[]] = [[], []]
    jobs.forEach((job, i) => {
      const [above, below, area, x0, y0, x1, y1] = m.subarray(8 * i)
      const stability = Math.fround(above / below)
      const stable = thresholds.stabilityScoreThresh <= 0 || stability >= Math.fround(thresholds.stabilityScoreThresh)
      if (!area || !stable) return void counts.floorStability++
      const box: Box = { x0, y0, x1, y1 }
      if (thresholds.accept && !thresholds.accept(box)) return void counts.cropEdge++
      const { column, columns, rows } = wordsAround(box)
      const first = starts[i] + (y0 - job.row) * job.columns + column - job.column
      windows.push({ first, stride: job.columns, columns, rows })
      const mask: DecodedMask = {
        prompt: Math.floor(job.plane / MASK_TOKENS),
        token: job.plane % MASK_TOKENS,
        predictedIou: job.predictedIou,
        stability,
        area,
        box,
        bits: { column, columns, row: y0, rows, words: noWords },
      }
      if (thresholds.keepLogits) {
        mask.logits = this.logitWindow(job, thresholds)
        const { x0: lx, y0: ly, width, height } = mask.logits
        const plane = job.plane * this.side * this.side
        sources.push({ first: plane + ly * this.side + lx, stride: this.side, columns: width, rows: height })
      }
      found.push(mask)
    })
    const packed = await this.blockReader.read(bits, windows)
    found.forEach((mask, i) => (mask.bits.words = packed[i]))
    const kept = await this.blockReader.read(logits, sources)
    kept.forEach((data, i) => (found[i].logits!.data = new Float32Array(data.buffer)))
    return found
  }

  private logitWindow({ window: { x0, y0, x1, y1 } }: MaskJob, thresholds: MaskThresholds): LogitWindow {
    const { side, inputSize } = this
    const [left, top] = [Math.max(0, x0 - WINDOW_MARGIN), Math.max(0, y0 - WINDOW_MARGIN)]
    const width = Math.min(side - 1, x1 + WINDOW_MARGIN) - left + 1
    const height = Math.min(side - 1, y1 + WINDOW_MARGIN) - top + 1
    const lowest = this.lowest(thresholds)
    return { x0: left, y0: top, width, height, data: new Float32Array(0), side, inputSize, lowest }
  }

  destroy(): void {
    this.scratch.destroy()
    this.blockReader.destroy()
    for (const kernel of Object.values(this.kernels)) kernel.destroy()
  }
}

/** In place of bits that are not read yet. */
const noWords = new Uint32Array(0)
