/**
 * @file Turns the logits of one pass of the mask decoder into packed masks on the GPU, and reads back those that pass the
 * thresholds. The host waits for nothing before the next pass is submitted: the GPU itself selects the masks and decides how many of
 * them it can compute in the memory that there is. It computes the others in further rounds.
 */
import bitsShader from '../../shaders/mask-bits.wgsl'
import roundsShader from '../../shaders/mask-rounds.wgsl'
import selectShader from '../../shaders/mask-select.wgsl'
import type { Engine } from '../device/engine'
import { OneShotKernel, ScratchTensors } from '../device/one-shot-kernel'
import type { Tensor } from '../device/tensor'
import type { Box } from '../image/box'
import type { Size } from '../image/size'
import { UpscaleAxes } from '../image/upscale-axes'
import { wordsAround } from '../masks/bit-mask'
import { MASK_TOKENS } from '../sam/mask-decoder'
import type { DecodedMask, MaskThresholds, RejectedCounts } from './decoded-mask'
import { type TokenRange, ambiguousTokens } from './prompt'

/** Words of masks computed in one round, unless one mask alone is larger: 16 MiB, and as much for their counts. */
const CHUNK_WORDS = 1 << 22
/** Words read back in one round, at most and at least, unless one mask alone is larger: 32 and 1 MiB. */
const MOST_READ = 1 << 23
const LEAST_READ = 1 << 18
/** As many words are read back as fit this fraction of all masks with all of their logits: most are small. */
const READ_SHARE = 0.5
/** Logits are kept this far below what the stability score needs, so that the threshold can be lowered by as much. */
const THRESHOLD_MARGIN = 2
/** Cells around the logits above the lowest threshold that are kept too: interpolated pixels read them. */
const WINDOW_MARGIN = 2
/** Masks that are less stable by this are not read back; whether others are stable enough is decided by the exact quotient. */
const STABILITY_MARGIN = 1e-5
/** Words at the beginning of what is read back, and for each mask, as in the shader. */
const [HEAD, ENTRY] = [16, 16]
/** Workgroups of the kernels whose lanes compute many words: enough for any GPU, and few where they cost something. */
const WORKGROUPS = { gpu: 4096, software: 32 }

const entryPoints = {
  select: [selectShader, 'select'],
  window: [selectShader, 'window'],
  plan: [roundsShader, 'plan'],
  threshold: [bitsShader, 'threshold'],
  measure: [bitsShader, 'measure'],
  accept: [roundsShader, 'accept'],
  pack: [roundsShader, 'pack'],
} as const

/** What is read of a decoder pass. */
interface PassOptions {
  /** Of the decoder: logits (P, MASK_TOKENS, side²) and iou (P, MASK_TOKENS). */
  results: { logits: Tensor; iou: Tensor }
  /** The number of prompts whose masks are read. */
  prompts: number
  thresholds: MaskThresholds
  tokens: TokenRange
}

/** The masks of one round, and how far it came. */
interface Round {
  masks: DecodedMask[]
  rejected: Omit<RejectedCounts, 'floorPredIou'>
  /** The number of masks that passed the test of predicted IoU, in the whole pass. */
  selected: number
  /** How many of them this round and those before it have done. */
  done: number
}

/** A submitted decoder pass, see MaskReader.submit. */
export interface SubmittedPass {
  options: PassOptions
  rounds: Promise<Round>[]
}

export class MaskReader {
  private readonly scratch: ScratchTensors
  private axes: UpscaleAxes | null = null
  private tables: { axes: Tensor; reach: Tensor } | null = null
  /** Rounds that the last pass needed: the next one probably needs as many. */
  private rounds = 1

  private constructor(
    private readonly engine: Engine,
    readonly side: number,
    readonly inputSize: number,
    private readonly kernels: Record<keyof typeof entryPoints, OneShotKernel>,
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
    return new MaskReader(engine, side, inputSize, Object.fromEntries(made), chunkWords)
  }

  /** Sets the size of the masks to read. @throws Error if one mask exceeds the adapter's largest binding */
  setImage(image: Size): void {
    const words = Math.ceil(image.width / 32) * image.height
    if (words * 4 > this.engine.maxBinding)
      throw new Error(
        `a mask of ${image.width}x${image.height} pixels takes ${words * 4} bytes, over the ${this.engine.maxBinding} that this adapter binds at once: use tiles`,
      )
    this.axes = new UpscaleAxes(this.side, this.inputSize, image)
    this.tables = {
      axes: this.scratch.upload('axes', this.axes.table()),
      reach: this.scratch.upload('reach', this.axes.reachTable()),
    }
  }

  /**
   * The masks of some tokens of the first `prompts` prompts, sorted by prompt and token.
   * @param results of the decoder: logits (P, MASK_TOKENS, side²) and iou (P, MASK_TOKENS)
   * @param counts is increased by the number of masks that each test rejected
   * @throws Error if no size was set
   */
  async read(
    results: PassOptions['results'],
    prompts: number,
    thresholds: MaskThresholds,
    counts: RejectedCounts,
    tokens: TokenRange = ambiguousTokens,
  ): Promise<DecodedMask[]> {
    return this.finish(this.submit({ results, prompts, thresholds, tokens }), counts, () => {})
  }

  /**
   * Submits what follows a pass of the decoder, in as many rounds as it probably needs. The pass's results may be overwritten
   * by what is submitted afterwards.
   * @throws Error if no size was set
   */
  submit(options: PassOptions): SubmittedPass {
    return { options, rounds: this.submitRounds(options, 0, this.rounds) }
  }

  /**
   * The masks of a submitted pass, sorted by prompt and token.
   * @param counts is increased by the number of masks that each test rejected
   * @param decodeAgain submits the decoder's pass again, if the rounds were too few and its results are needed once more
   */
  async finish(
    { options, rounds }: SubmittedPass,
    counts: RejectedCounts,
    decodeAgain: () => void,
  ): Promise<DecodedMask[]> {
    const found: DecodedMask[] = []
    let needed = 0
    for (let pending = rounds; ;) {
      let last: Round | null = null
      for (const reading of pending) {
        const before = last?.done ?? -1
        last = await reading
        if (last.done > before) needed++
        found.push(...last.masks)
        counts.floorStability += last.rejected.floorStability
        counts.cropEdge += last.rejected.cropEdge
      }
      const { done, selected } = last!
      if (done === selected) {
        counts.floorPredIou += options.tokens.count * options.prompts - selected
        this.rounds = Math.max(1, needed)
        return found
      }
      decodeAgain()
      pending = this.submitRounds(options, done, 1)
    }
  }

  /** The lowest logit that is kept, in f32 as the shader compares it. */
  private lowest({ maskThreshold, stabilityScoreOffset, keepLogits }: MaskThresholds): number {
    return Math.fround(maskThreshold - stabilityScoreOffset - (keepLogits ? THRESHOLD_MARGIN : 0))
  }

  /** Submits `rounds` rounds, from the selected mask `begin` on. */
  private submitRounds(options: PassOptions, begin: number, rounds: number): Promise<Round>[] {
    const { axes, tables, scratch, side, kernels, engine } = this
    if (!axes || !tables) throw new Error('call setImage before reading masks')
    const { results, prompts, thresholds, tokens } = options
    const { logits, iou } = results
    const { device } = engine
    const masks = tokens.count * prompts
    const { chunk, room } = this.sizes(masks, thresholds)
    const t = {
      list: scratch.tensor('places', 1 + masks),
      found: scratch.tensor('windows', 8 + 8 * masks),
      state: scratch.tensor('state of the rounds', 4),
      jobs: scratch.tensor('jobs', 6 * masks),
      bits: scratch.tensor('bits', chunk),
      counts: scratch.tensor('counts', chunk),
      measures: scratch.tensor('measures', 8 * masks),
      parts: scratch.tensor('parts', 8 * masks),
      out: scratch.tensor('read back', room),
    }
    const keep = thresholds.keepLogits ? 1 : 0
    const all = thresholds.stabilityScoreThresh <= 0 ? 1 : 0
    const selecting = {
      ...{ masks, first: tokens.first, tokens: tokens.count, side, begin },
      ...{ all: thresholds.predIouThresh > 0 ? 0 : 1, threshold: thresholds.predIouThresh },
      lowest: this.lowest(thresholds),
    }
    const rounding = {
      ...{ masks, side, keep, margin: WINDOW_MARGIN, chunk, room, all },
      stability: thresholds.stabilityScoreThresh - STABILITY_MARGIN,
    }
    const computing = {
      ...{ side, width: axes.image.width, height: axes.image.height },
      ...{ valid_width: axes.valid.width, valid_height: axes.valid.height },
      below: thresholds.maskThreshold - thresholds.stabilityScoreOffset,
      middle: thresholds.maskThreshold,
      above: thresholds.maskThreshold + thresholds.stabilityScoreOffset,
    }
    const many = [WORKGROUPS[engine.software ? 'software' : 'gpu']] as const
    return Array.from({ length: rounds }, (_, round) => {
      const { found, state, jobs, measures, parts, out, bits } = t
      const encode = () => {
        const encoder = device.createCommandEncoder()
        const pass = encoder.beginComputePass()
        if (round === 0) {
          kernels.select.encode(pass, { iou, list: t.list, state: t.state }, selecting, [1, 1])
          kernels.window.encode(pass, { iou, places: t.list, logits, found: t.found }, selecting, [masks, 1])
        }
        kernels.plan.encode(pass, { found, reach: tables.reach, state, jobs, out }, rounding, [1, 1])
        const made = { jobs, logits, axes: tables.axes, bits, parts: t.counts, state }
        kernels.threshold.encode(pass, made, computing, many)
        kernels.measure.encode(pass, { jobs, made: bits, counted: t.counts, measures, state }, {}, [masks, 1])
        kernels.accept.encode(pass, { found, state, jobs, measures, parts, out }, rounding, [1, 1])
        kernels.pack.encode(pass, { state, placed: parts, bits, logits, out }, rounding, many)
        pass.end()
        device.queue.submit([encoder.finish()])
      }
      engine.scoped(encode)
      const reading = engine.readMapped([out], (mapped) => this.parse(new Uint32Array(mapped), thresholds))
      // an error is thrown where the round is awaited; until then it must not end the process as an unhandled rejection
      reading.catch(() => {})
      return reading
    })
  }

  /** Words of masks, and of what is read back, in one round: at least those of one mask. */
  private sizes(masks: number, { keepLogits }: MaskThresholds): { chunk: number; room: number } {
    const { width, height } = this.axes!.image
    const one = Math.ceil(width / 32) * height
    const kept = one + (keepLogits ? this.side ** 2 : 0)
    const usual = Math.max(LEAST_READ, Math.min(MOST_READ, Math.ceil(READ_SHARE * masks * kept)))
    return {
      chunk: Math.max(one, Math.min(this.chunkWords, masks * one)),
      room: HEAD + ENTRY * masks + Math.max(kept, Math.min(this.chunkWords, usual)),
    }
  }

  /** What a round read back. */
  private parse(words: Uint32Array, thresholds: MaskThresholds): Round {
    const { side, inputSize } = this
    const numbers = new Float32Array(words.buffer)
    const lowest = this.lowest(thresholds)
    const [jobs, selected, done] = words
    const rejected = { floorStability: 0, cropEdge: 0 }
    const masks: DecodedMask[] = []
    for (let i = 0, at = HEAD; i < jobs; i++, at += ENTRY) {
      const [plane, , above, below, area, x0, y0, x1, y1] = words.subarray(at, at + 9)
      const stability = Math.fround(above / below)
      const stable = thresholds.stabilityScoreThresh <= 0 || stability >= Math.fround(thresholds.stabilityScoreThresh)
      if (!area || !stable) {
        rejected.floorStability++
        continue
      }
      const box: Box = { x0, y0, x1, y1 }
      if (thresholds.accept && !thresholds.accept(box)) {
        rejected.cropEdge++
        continue
      }
      const [left, top, width, height, ofBits, ofLogits] = words.subarray(at + 9, at + 15)
      const around = wordsAround(box)
      const mask: DecodedMask = {
        prompt: Math.floor(plane / MASK_TOKENS),
        token: plane % MASK_TOKENS,
        predictedIou: numbers[at + 1],
        stability,
        area,
        box,
        bits: { ...around, words: words.slice(ofBits, ofBits + around.columns * around.rows) },
      }
      if (thresholds.keepLogits) {
        const data = numbers.slice(ofLogits, ofLogits + width * height)
        mask.logits = { x0: left, y0: top, width, height, data, side, inputSize, lowest }
      }
      masks.push(mask)
    }
    return { masks, rejected, selected, done }
  }

  destroy(): void {
    this.scratch.destroy()
    for (const kernel of Object.values(this.kernels)) kernel.destroy()
  }
}
