/** @file A compiled step: fixed memory and fixed bind groups, replayed any number of times. A run creates no buffer. */
import { bindTensor } from '../device/bind-tensor'
import type { Engine } from '../device/engine'
import type { Dispatch, Recording } from './dispatch'
import { type MemoryLayout, planMemory } from './memory-layout'
import type { Tensor } from '../device/tensor'
import { DISPATCHES_A_PASS, type TimedDispatches, Timing } from './timing'

interface Step {
  label: string
  pipeline: GPUComputePipeline
  group: GPUBindGroup
  groups: [number, number, number]
}

/** Something to do while a program is submitted. */
export interface Mark {
  /** The number of dispatches that are submitted before it. */
  after: number
  then: () => void
}

/**
 * A recorded graph with its memory: it is run any number of times on the same buffers, and a run allocates nothing.
 * @example
 * const { data, valid } = toModelInput(rgb, width, height, model.inputSize)
 * program.write(pixels, data)
 * program.write(sizes, Uint32Array.of(valid.height, valid.width))
 * program.run()
 * const values = await program.read(embedding)
 * program.destroy()
 */
export class Program implements TimedDispatches {
  private constructor(
    private readonly engine: Engine,
    readonly memory: MemoryLayout,
    private readonly steps: Step[],
    private readonly buffers: GPUBuffer[],
    private readonly arenas: GPUBuffer[],
  ) {}

  static async create(engine: Engine, graph: Recording): Promise<Program> {
    const { device } = engine
    const { dispatches } = graph
    const { limits } = device
    const memory = planMemory(
      dispatches,
      graph.kept,
      Math.max(256, limits.minStorageBufferOffsetAlignment),
      limits.maxBufferSize,
    )
    const arenas = memory.arenas.map((bytes, i) => engine.buffer(`arena ${i}`, bytes))
    for (const { storage, arena, offset } of memory.placements) {
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
    const uniforms = engine.scoped(() => {
      const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST
      const buffer = device.createBuffer({ label: 'parameters', size: values.byteLength, usage })
      device.queue.writeBuffer(buffer, 0, values)
      return buffer
    })
    buffers.push(uniforms)

    const pipelines = await Promise.all(dispatches.map((d) => engine.pipeline(d.shader, d.entry, d.constants)))
    const bind = (d: Dispatch, i: number): Step => {
      const { pipeline, layout } = pipelines[i]
      const entries = d.bindings.map(({ binding, tensor }) => bindTensor(device, d.label, binding, tensor))
      if (d.uniform) {
        const { binding } = d.shader.entries[d.entry].bindings.find((b) => b.kind === 'uniform')!
        entries.push({ binding, resource: { buffer: uniforms, offset: places[i] * slot, size: d.uniform.byteLength } })
      }
      const group = device.createBindGroup({ label: d.label, layout, entries })
      return { label: d.label, pipeline, group, groups: d.groups }
    }
    const steps = engine.scoped(() => dispatches.map(bind))
    engine.check()
    return new Program(engine, memory, steps, buffers, arenas)
  }

  /** The number of dispatches. */
  get size(): number {
    return this.steps.length
  }

  /** Bytes of GPU memory that the program owns: arenas and parameters. */
  get bytes(): number {
    return this.buffers.reduce((sum, { size }) => sum + size, 0)
  }

  /**
   * Submits the whole step without waiting for it: await `engine.idle()`, or read a kept tensor.
   * @param marks ascending; what they submit or read lies between the dispatches in the queue
   */
  run(marks: readonly Mark[] = []): void {
    this.engine.check()
    let start = 0
    // split into short submissions, so that a slow adapter does not run into the driver's watchdog
    const submitTo = (end: number) =>
      this.engine.scoped(() => {
        while (start < end) this.submit(start, (start = Math.min(end, start + DISPATCHES_A_PASS)))
      })
    for (const { after, then } of marks) {
      submitTo(after)
      then()
    }
    submitTo(this.size)
  }

  /**
   * As `run`, in parts of at most `part` dispatches: waits for the GPU after each, and then for `between`, in which other
   * programs may run. It ends early if `between` returns false.
   * @param tail the number of last dispatches that are submitted together, because nothing may run between them
   * @returns whether all parts were run
   */
  async runInParts(part: number, tail: number, between: () => Promise<boolean>): Promise<boolean> {
    const last = this.size - tail
    for (let start = 0; start < last; start += part) {
      this.engine.check()
      this.engine.scoped(() => this.submit(start, Math.min(last, start + part)))
      await this.engine.idle()
      if (!(await between())) return false
    }
    this.engine.check()
    this.engine.scoped(() => this.submit(last, this.size))
    return true
  }

  private submit(start: number, end: number): void {
    const { device } = this.engine
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    this.encode(pass, start, end)
    pass.end()
    device.queue.submit([encoder.finish()])
  }

  /** Encodes dispatches start..end (exclusive). */
  encode(pass: GPUComputePassEncoder, start: number, end: number): void {
    let current: GPUComputePipeline | null = null
    for (let i = start; i < end; i++) {
      const { pipeline, group, groups } = this.steps[i]
      if (pipeline !== current) pass.setPipeline((current = pipeline))
      pass.setBindGroup(0, group)
      pass.dispatchWorkgroups(...groups)
    }
  }

  /** Runs the step dispatch by dispatch and returns the milliseconds of each: see Timing. */
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

  /** Fills all intermediates with NaN, so that a run cannot use values of an earlier one unnoticed. For tests. */
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
