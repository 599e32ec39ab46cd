/**
 * @file Times every dispatch that a device runs, whoever records it: for runs that are not one program, such as the generator's, in
 * which programs, single kernels and read-backs alternate.
 */
import type { Engine } from '../engine/device/engine'
import { UserError } from '../src/host/errors'

export interface TimedDispatch {
  /** shader/entry. */
  label: string
  groups: number[]
  ms: number
}

/** WebGPU allows 4096 queries in a set: two for each dispatch. */
const DISPATCHES_A_SET = 2048

/**
 * Calls `run` and returns the dispatches that it submitted. Each is put into a pass of its own with two timestamps, so that `run` takes
 * longer than usual; `run` waits for its own results.
 * @throws UserError if the adapter has no timestamp queries · what `run` throws
 */
export async function timeDispatches(engine: Engine, run: () => Promise<void>): Promise<TimedDispatch[]> {
  const { device } = engine
  if (!device.features.has('timestamp-query'))
    throw new UserError(
      'this adapter has no timestamp queries, without which a run of many programs cannot be profiled',
    )
  const sets: GPUQuerySet[] = []
  const timed: Omit<TimedDispatch, 'ms'>[] = []
  const create = device.createCommandEncoder
  device.createCommandEncoder = (descriptor) => {
    const encoder = create.call(device, descriptor)
    const begin = encoder.beginComputePass.bind(encoder)
    encoder.beginComputePass = () => {
      let pipeline: GPUComputePipeline | null = null
      const groups = new Map<number, GPUBindGroup>()
      const pass: Pick<GPUComputePassEncoder, 'setPipeline' | 'dispatchWorkgroups' | 'end'> & {
        setBindGroup(index: number, group: GPUBindGroup): undefined
      } = {
        setPipeline(next) {
          pipeline = next
          return undefined
        },
        setBindGroup(index, group) {
          groups.set(index, group)
          return undefined
        },
        dispatchWorkgroups(x, y = 1, z = 1) {
          const place = timed.length % DISPATCHES_A_SET
          if (place === 0) sets.push(device.createQuerySet({ type: 'timestamp', count: 2 * DISPATCHES_A_SET }))
          const timestampWrites = {
            querySet: sets[sets.length - 1],
            beginningOfPassWriteIndex: 2 * place,
            endOfPassWriteIndex: 2 * place + 1,
          }
          const own = begin({ timestampWrites })
          own.setPipeline(pipeline!)
          for (const [index, group] of groups) own.setBindGroup(index, group)
          own.dispatchWorkgroups(x, y, z)
          own.end()
          // the engine's labels are shader/entry/constants
          timed.push({ label: pipeline!.label.split('/').slice(0, 2).join('/'), groups: [x, y, z] })
          return undefined
        },
        end() {
          return undefined
        },
      }
      return pass as GPUComputePassEncoder
    }
    return encoder
  }
  try {
    await run()
    await engine.idle()
  } finally {
    device.createCommandEncoder = create
  }
  const ticks: bigint[] = []
  for (const set of sets) ticks.push(...(await resolve(engine, set)))
  // the ticks are nanoseconds; a driver may reset its counter in between
  return timed.map((one, i) => ({ ...one, ms: Math.max(0, Number(ticks[2 * i + 1] - ticks[2 * i]) / 1e6) }))
}

/** The ticks of a query set, which is destroyed. */
async function resolve(engine: Engine, set: GPUQuerySet): Promise<BigUint64Array> {
  const { device } = engine
  const size = 8 * set.count
  const resolved = device.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC })
  const staging = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ })
  const encoder = device.createCommandEncoder()
  encoder.resolveQuerySet(set, 0, set.count, resolved, 0)
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, size)
  device.queue.submit([encoder.finish()])
  await engine.idle()
  await staging.mapAsync(GPUMapMode.READ)
  const ticks = new BigUint64Array(staging.getMappedRange().slice(0))
  for (const buffer of [resolved, staging]) buffer.destroy()
  set.destroy()
  return ticks
}
