/** @file Single dispatches whose sizes are known only as the work goes on, and the memory they work in. */
import type { Engine, Pipeline } from './engine'
import { type Entry, type Shader, type UniformValues, packUniform } from './shader'
import { Tensor, type TensorKind } from './tensor'

/** One entry of a shader, run as often as wanted with other tensors, parameters and sizes. */
export class Kernel {
  private constructor(
    private readonly engine: Engine,
    private readonly label: string,
    private readonly entry: Entry,
    private readonly pipeline: Pipeline,
    private readonly uniform: GPUBuffer,
  ) {}

  static async create(engine: Engine, shader: Shader, name: string): Promise<Kernel> {
    const label = `${shader.name}/${name}`
    const pipeline = await engine.pipeline(shader, name)
    const entry = shader.entries[name]
    const size = Math.ceil((entry.uniform?.size ?? 16) / 16) * 16
    const uniform = engine.device.createBuffer({ label, size, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST })
    return new Kernel(engine, label, entry, pipeline, uniform)
  }

  /** Submits one dispatch. `tensors` by the shader's names, each with memory. @throws Error where one is missing */
  run(tensors: Record<string, Tensor>, params: UniformValues, [x, y]: readonly [number, number]): void {
    const { engine, entry, label, pipeline, uniform } = this
    const { queue } = engine.device
    const limit = engine.device.limits.maxComputeWorkgroupsPerDimension
    if (x > limit || y > limit) throw new Error(`${label}: a grid of ${x} x ${y} workgroups is over ${limit}`)
    const values = new ArrayBuffer(uniform.size)
    packUniform(entry, label, params, new DataView(values), 0)
    queue.writeBuffer(uniform, 0, values)
    const entries = entry.bindings.map(({ name, binding, kind }): GPUBindGroupEntry => {
      if (kind === 'uniform') return { binding, resource: { buffer: uniform } }
      const tensor = tensors[name]
      if (!tensor?.storage.buffer) throw new Error(`${label}: nothing is bound to "${name}"`)
      const offset = tensor.storage.offset + tensor.elementOffset * 4
      return { binding, resource: { buffer: tensor.storage.buffer, offset, size: tensor.size * 4 } }
    })
    const encoder = engine.device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline.pipeline)
    pass.setBindGroup(0, engine.device.createBindGroup({ label, layout: pipeline.layout, entries }))
    pass.dispatchWorkgroups(x, y)
    pass.end()
    queue.submit([encoder.finish()])
  }

  destroy(): void {
    this.uniform.destroy()
  }
}

/** Tensors by name that grow as they must and are never given back in between. */
export class Scratch {
  private readonly held = new Map<string, Tensor>()

  constructor(
    private readonly engine: Engine,
    private readonly kind: TensorKind = 'activation',
  ) {}

  /** `words` of 32 bits. What an earlier call of the same name held is lost where it must grow. */
  tensor(name: string, words: number): Tensor {
    const have = this.held.get(name)
    if (have && have.size >= words) return new Tensor(have.storage, [words])
    if (have) this.engine.release(have)
    this.held.delete(name)
    // half as much again, so that growing step by step is rare
    const most = Math.floor(this.engine.maxBinding / 4)
    const size = Math.max(words, Math.min(most, Math.ceil(words * 1.5)), 64)
    const made = this.engine.persistent(this.kind, `generator: ${name}`, [size])
    this.held.set(name, made)
    return new Tensor(made.storage, [words])
  }

  /** The same, holding `data`. */
  upload(name: string, data: Uint32Array): Tensor {
    const tensor = this.tensor(name, data.length)
    this.engine.write(tensor, data)
    return tensor
  }

  destroy(): void {
    for (const tensor of this.held.values()) this.engine.release(tensor)
    this.held.clear()
  }
}
