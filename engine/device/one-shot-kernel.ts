/**
 * @file Kernels dispatched one at a time, for work whose sizes are known only at run time (a Graph is recorded once and
 * replayed with fixed sizes), and their reusable scratch memory.
 */
import { bindTensor } from './bind-tensor'
import type { Engine, Pipeline } from './engine'
import { type Grid, checkedGrid } from './grid'
import { type EntryPoint, type Shader, type UniformValues, packUniform } from './shader'
import { Tensor, type TensorKind } from './tensor'

/** One entry point of a shader, dispatched any number of times with different tensors, parameters and sizes. */
export class OneShotKernel {
  private constructor(
    private readonly engine: Engine,
    private readonly label: string,
    private readonly entry: EntryPoint,
    private readonly pipeline: Pipeline,
    private readonly uniform: GPUBuffer,
  ) {}

  static async create(engine: Engine, shader: Shader, name: string): Promise<OneShotKernel> {
    const label = `${shader.name}/${name}`
    const pipeline = await engine.pipeline(shader, name)
    const entry = shader.entries[name]
    const size = Math.ceil((entry.uniform?.size ?? 16) / 16) * 16
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST
    const uniform = engine.scoped(() => engine.device.createBuffer({ label, size, usage }))
    return new OneShotKernel(engine, label, entry, pipeline, uniform)
  }

  /**
   * Submits one dispatch. `tensors` are by the shader's own names.
   * @throws Error if a tensor or parameter is missing, or the grid is over the device's limit
   */
  run(tensors: Record<string, Tensor>, params: UniformValues, grid: Grid): void {
    const { device } = this.engine
    this.engine.scoped(() => {
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      this.encode(pass, tensors, params, grid)
      pass.end()
      device.queue.submit([encoder.finish()])
    })
  }

  /** As `run`, in a pass that the caller submits before this kernel is used again with other parameters. */
  encode(pass: GPUComputePassEncoder, tensors: Record<string, Tensor>, params: UniformValues, grid: Grid): void {
    const { entry, label, pipeline, uniform } = this
    const { device } = this.engine
    const groups = checkedGrid(device, label, grid)
    const values = new ArrayBuffer(uniform.size)
    packUniform(entry, label, params, new DataView(values), 0)
    device.queue.writeBuffer(uniform, 0, values)
    const entries = entry.bindings.map(({ name, binding, kind }): GPUBindGroupEntry => {
      if (kind === 'uniform') return { binding, resource: { buffer: uniform } }
      if (!tensors[name]) throw new Error(`${label}: nothing is bound to "${name}"`)
      return bindTensor(device, label, binding, tensors[name])
    })
    pass.setPipeline(pipeline.pipeline)
    pass.setBindGroup(0, device.createBindGroup({ label, layout: pipeline.layout, entries }))
    pass.dispatchWorkgroups(...groups)
  }

  destroy(): void {
    this.uniform.destroy()
  }
}

/** Named scratch tensors that grow on demand and keep their memory until `destroy`. */
export class ScratchTensors {
  private readonly held = new Map<string, Tensor>()

  constructor(
    private readonly engine: Engine,
    private readonly kind: TensorKind = 'activation',
  ) {}

  /** The tensor `name`, as `words` elements of 32 bits. Growing discards its earlier contents. */
  tensor(name: string, words: number): Tensor {
    const known = this.held.get(name)
    if (known && known.size >= words) return new Tensor(known.storage, [words])
    if (known) this.engine.release(known)
    this.held.delete(name)
    // allocates 1.5 times as much, so that a slowly growing size rarely reallocates
    const limit = Math.floor(this.engine.maxBinding / 4)
    const size = Math.max(words, Math.min(limit, Math.ceil(words * 1.5)), 64)
    const made = this.engine.persistent(this.kind, `scratch: ${name}`, [size])
    this.held.set(name, made)
    return new Tensor(made.storage, [words])
  }

  /** The tensor `name`, filled with `data`. */
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
