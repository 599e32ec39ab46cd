/**
 * @file Measures how long parts of a recorded step take on the GPU: by timestamp queries if the device has them, else by
 * the host's clock, which includes a round trip to the GPU.
 */
import type { Engine } from '../device/engine'

/** A sequence of dispatches that can be timed. */
export interface TimedDispatches {
  readonly size: number
  /** Encodes dispatches start..end (exclusive). */
  encode(pass: GPUComputePassEncoder, start: number, end: number): void
}

/** Maximum dispatches in a pass and submission: long ones would run into the driver's watchdog on a slow adapter. */
export const DISPATCHES_A_PASS = 256
/** Parts measured by one query set, two queries each: WebGPU allows 4096 queries in a set. */
const PARTS_A_SET = 2048

interface Part {
  start: number
  end: number
  repeats: number
}

export class Timing {
  private readonly parts: Part[]

  /** A part begins at a dispatch of `starts` (ascending) and ends where the next begins. Part i runs `repeats[i]` times in a row. */
  constructor(
    private readonly engine: Engine,
    private readonly steps: TimedDispatches,
    starts: readonly number[],
    repeats: readonly number[] = starts.map(() => 1),
  ) {
    this.parts = starts.map((start, i) => ({ start, end: starts[i + 1] ?? steps.size, repeats: repeats[i] }))
  }

  /** Runs all parts with their repeats. Returns for each part the milliseconds of one repeat. */
  async sample(): Promise<number[]> {
    const { device } = this.engine
    const times: number[] = []
    if (!device.features.has('timestamp-query')) {
      for (let i = 0; i < this.parts.length; i++) times.push(await this.byHost(i))
    } else {
      for (let from = 0; from < this.parts.length; from += PARTS_A_SET)
        times.push(...(await this.byQueries(from, Math.min(this.parts.length, from + PARTS_A_SET))))
    }
    this.engine.check()
    return times.map((ms, i) => ms / this.parts[i].repeats)
  }

  private async byHost(part: number): Promise<number> {
    const { queue } = this.engine.device
    const start = performance.now()
    this.submit(part)
    await queue.onSubmittedWorkDone()
    return performance.now() - start
  }

  private async byQueries(from: number, to: number): Promise<number[]> {
    const { device } = this.engine
    const count = 2 * (to - from)
    const querySet = device.createQuerySet({ type: 'timestamp', count })
    const size = count * 8
    const resolved = device.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC })
    const staging = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ })
    for (let part = from; part < to; part++) this.submit(part, { querySet, first: 2 * (part - from) })
    const encoder = device.createCommandEncoder()
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0)
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, size)
    device.queue.submit([encoder.finish()])
    await this.engine.idle()
    await staging.mapAsync(GPUMapMode.READ)
    const ticks = new BigUint64Array(staging.getMappedRange().slice(0))
    for (const buffer of [resolved, staging]) buffer.destroy()
    querySet.destroy()
    // the ticks are nanoseconds; a driver may reset its counter in between
    return Array.from({ length: to - from }, (_, i) => Math.max(0, Number(ticks[2 * i + 1] - ticks[2 * i]) / 1e6))
  }

  /** Submits one part, one submission per pass; the first pass writes the start time, the last the end time. */
  private submit(part: number, clock?: { querySet: GPUQuerySet; first: number }): void {
    const { device } = this.engine
    const passes = passesOf(this.parts[part])
    passes.forEach((ranges, i) => {
      const begins = i === 0 && { beginningOfPassWriteIndex: clock?.first }
      const ends = i === passes.length - 1 && { endOfPassWriteIndex: clock && clock.first + 1 }
      const timestampWrites = clock && (begins || ends) ? { querySet: clock.querySet, ...begins, ...ends } : undefined
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass(timestampWrites && { timestampWrites })
      for (const [from, to] of ranges) this.steps.encode(pass, from, to)
      pass.end()
      device.queue.submit([encoder.finish()])
    })
  }
}

/** For each pass, the ranges of dispatches that it runs. */
function passesOf({ start, end, repeats }: Part): [number, number][][] {
  const passes: [number, number][][] = []
  let room = 0
  for (let i = 0; i < repeats; i++)
    for (let at = start; at < end;) {
      if (!room) {
        passes.push([])
        room = DISPATCHES_A_PASS
      }
      const to = Math.min(end, at + room)
      passes[passes.length - 1].push([at, to])
      room -= to - at
      at = to
    }
  return passes
}
