/**
 * @file How long parts of a recorded step take on the GPU: by timestamp queries where the device has them, else by the
 * host's clock, which then counts a round trip as well.
 */
import type { Engine } from '../device/engine'

/** What can be timed: dispatches in a row. */
export interface Steps {
  readonly size: number
  /** Encodes the dispatches from `start` to before `end`. */
  encode(pass: GPUComputePassEncoder, start: number, end: number): void
}

/** The dispatches of a pass and of a submission, so that a slow adapter's watchdog sees short ones. */
export const DISPATCHES_A_PASS = 256
/** Parts a query set holds: WebGPU allows 4096 queries. */
const PARTS_A_SET = 2048

interface Part {
  start: number
  end: number
  repeats: number
}

export class Timing {
  private readonly parts: Part[]

  /** Parts begin at the dispatches `starts` (ascending) and end where the next begins; each runs `repeats` times in a row. */
  constructor(
    private readonly engine: Engine,
    private readonly steps: Steps,
    starts: readonly number[],
    repeats: readonly number[] = starts.map(() => 1),
  ) {
    this.parts = starts.map((start, i) => ({ start, end: starts[i + 1] ?? steps.size, repeats: repeats[i] }))
  }

  /** Runs the step once, repeats included. Milliseconds of one run of each part. */
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
    // nanoseconds; a driver may reset its counter in between
    return Array.from({ length: to - from }, (_, i) => Math.max(0, Number(ticks[2 * i + 1] - ticks[2 * i]) / 1e6))
  }

  /** One part in passes, a submission each; the first tells the beginning, the last the end. */
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

/** Ranges of dispatches by pass. */
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
