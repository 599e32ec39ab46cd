/** @file A compiled step: fixed memory, fixed bind groups, replayed as often as wanted. A run creates no buffer. */
import type { Engine, Pipeline } from '../device/engine'
import type { Recording } from './dispatch'
import { type Plan, plan } from './memory-layout'
import type { Tensor } from '../device/tensor'
import { DISPATCHES_A_PASS, type Steps, Timing } from './timing'

interface Step {
  label: string
  pipeline: GPUComputePipeline
  group: GPUBindGroup
  groups: [number, number, number]
}

export class Program implements Steps {
  private constructor(
    private readonly engine: Engine,
    readonly plan: Plan,
    private readonly steps: Step[],
    private readonly buffers: GPUBuffer[],
    private readonly arenas: GPUBuffer[],
  ) {}

  static async create(engine: Engine, graph: Recording): Promise<Program> {
    const { device } = engine
    const { dispatches } = graph
    const { limits } = device
    const layout = plan(
      dispatches,
      graph.kept,
      Math.max(256, limits.minStorageBufferOffsetAlignment),
      limits.maxBufferSize,
    )
    const arenas = layout.arenas.map((bytes, i) => engine.buffer(`arena ${i}`, bytes))
    for (const { storage, arena, offset } of layout.placements) {
      storage.buffer = arenas[arena]
      storage.offset = offset
    }
    const buffers = [...arenas]
    const slot = Math.max(256, limits.minUniformBufferOffsetAlignment)
    const slotsOf = (bytes: number) => Math.ceil(bytes / slot)
    let slots = 0
    const places = dispatches.map(({ uniform }) => {
      const place = slots
      slots += uniform ? slotsOf(uniform.byteLength) : 0
      return place
    })
    const values = new Uint8Array(Math.max(1, slots) * slot)
    dispatches.forEach(({ uniform }, i) => uniform && values.set(new Uint8Array(uniform), places[i] * slot))
    const uniforms = device.createBuffer({
      label: 'parameters',
      size: values.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    })
    buffers.push(uniforms)
    device.queue.writeBuffer(uniforms, 0, values)

    const pipelines = await Promise.all(dispatches.map((d) => engine.pipeline(d.shader, d.entry, d.constants)))
    const steps = dispatches.map((d, i): Step => {
      const { pipeline, layout: bindings }: Pipeline = pipelines[i]
      const entries: GPUBindGroupEntry[] = d.bindings.map(({ binding, tensor }) => {
        const offset = tensor.storage.offset + tensor.elementOffset * 4
        if (offset % limits.minStorageBufferOffsetAlignment)
          throw new Error(`${d.label}: ${tensor.label} starts at byte ${offset}, which this adapter cannot bind`)
        return { binding, resource: { buffer: tensor.storage.buffer!, offset, size: tensor.size * 4 } }
      })
      if (d.uniform) {
        const { binding } = d.shader.entries[d.entry].bindings.find((b) => b.kind === 'uniform')!
        entries.push({ binding, resource: { buffer: uniforms, offset: places[i] * slot, size: d.uniform.byteLength } })
      }
      return {
        label: d.label,
        pipeline,
        group: device.createBindGroup({ label: d.label, layout: bindings, entries }),
        groups: d.groups,
      }
    })
    engine.check()
    return new Program(engine, layout, steps, buffers, arenas)
  }

  get size(): number {
    return this.steps.length
  }

  /** Of memory that it holds: arenas and parameters. */
  get bytes(): number {
    return this.buffers.reduce((sum, { size }) => sum + size, 0)
  }

  /** Submits the whole step. Await `engine.idle()`, or read a kept tensor, to know that it is done. */
  run(): void {
    const { device } = this.engine
    this.engine.check()
    // cut, so that a slow adapter's watchdog sees short submissions
    for (let start = 0; start < this.size; start += DISPATCHES_A_PASS) {
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      this.encode(pass, start, Math.min(this.size, start + DISPATCHES_A_PASS))
      pass.end()
      device.queue.submit([encoder.finish()])
    }
  }

  /** Encodes the dispatches from `start` to before `end`. */
  encode(pass: GPUComputePassEncoder, start: number, end: number): void {
    let current: GPUComputePipeline | null = null
    for (let i = start; i < end; i++) {
      const { pipeline, group, groups } = this.steps[i]
      if (pipeline !== current) pass.setPipeline((current = pipeline))
      pass.setBindGroup(0, group)
      pass.dispatchWorkgroups(...groups)
    }
  }

  /** Runs the step dispatch by dispatch and times each: see Timing. Milliseconds. */
  async profile(): Promise<{ label: string; groups: number[]; ms: number }[]> {
    const times = await new Timing(this.engine, this, [...this.steps.keys()]).sample()
    return this.steps.map(({ label, groups }, i) => ({ label, groups, ms: times[i] }))
  }

  write(tensor: Tensor, data: ArrayBufferView): void {
    this.engine.write(tensor, data)
  }

  read(tensor: Tensor): Promise<Float32Array> {
    return this.engine.read(tensor)
  }

  /** Fills all intermediates with NaN: what a run then gives cannot come from stale memory. For tests. */
  poison(): void {
    for (const arena of this.arenas) {
      const chunk = new Uint32Array(Math.min(arena.size, 1 << 22) / 4).fill(0x7fc00000)
      for (let at = 0; at < arena.size; at += chunk.byteLength) {
        const bytes = Math.min(chunk.byteLength, arena.size - at)
        this.engine.device.queue.writeBuffer(arena, at, chunk, 0, bytes / 4)
      }
    }
  }

  destroy(): void {
    for (const buffer of this.buffers) buffer.destroy()
  }
}
