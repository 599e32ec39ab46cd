/**
 * @file The engine holds one GPUDevice of any host (Node, browser, Deno, Bun): pipelines, weights, read-back, and the trap
 * for the device's errors. WebGPU reports errors on the side while every later result reads as zeros, so the trap is
 * checked wherever results reach the host.
 */
import { type Storage, type StorageType, Tensor, type TensorKind, halvable, sizeOf } from './tensor'
import { type Forms, usualForms } from './kernel-variants'
import { toHalves } from './float16'
import type { Shader } from './shader'

/** How the message of a failure begins where the device had no room for a buffer. */
export const OUT_OF_MEMORY = 'the GPU is out of memory'

export interface Pipeline {
  pipeline: GPUComputePipeline
  layout: GPUBindGroupLayout
}

/** Calls `finish` and gives what the promise that it makes gives. */
export type Wait = <T>(finish: () => Promise<T>) => Promise<T>

/** Whether the adapter of a device computes on the processor. */
export function isSoftware({ adapterInfo: info }: GPUDevice): boolean {
  return /llvmpipe|swiftshader/i.test(`${info?.description} ${info?.device} ${info?.architecture}`)
}

export class Engine {
  private readonly pipelines = new Map<string, Promise<Pipeline>>()
  private readonly modules = new Map<Shader, GPUShaderModule>()
  private failure: Error | null = null
  private destroyed = false
  /** Bytes of persistent tensors by kind; what programs add is in their own plans. */
  readonly bytes: Record<TensorKind, number> = {
    weight: 0,
    adapter: 0,
    optimizer: 0,
    gradient: 0,
    input: 0,
    activation: 0,
    statistic: 0,
  }

  /** Whether the adapter computes on the processor. */
  readonly software: boolean
  /** Lanes of a subgroup, at least; 0 where kernels cannot use them. */
  readonly subgroupSize: number
  /** The form in which matrix products of each class are recorded: by the kind of adapter, unless the host knows better. */
  products: Forms['products']
  /** The same of fused attention. */
  attention: Forms['attention']

  /** `wait` awaits what the GPU promises; a host may have a better way than to wait at once (src/host/idle-wait.ts). */
  constructor(
    readonly device: GPUDevice,
    private readonly wait: Wait = (finish) => finish(),
  ) {
    const info = device.adapterInfo
    this.software = isSoftware(device)
    // the adapter's info tells nothing where the device was opened without the feature
    this.subgroupSize = device.features.has('subgroups') ? (info?.subgroupMinSize ?? 0) : 0
    ;({ products: this.products, attention: this.attention } = usualForms(this.software, this.subgroupSize))
    device.addEventListener('uncapturederror', (event) => {
      const { error } = event as GPUUncapturedErrorEvent
      const what = error.constructor.name === 'GPUOutOfMemoryError' ? OUT_OF_MEMORY : 'the GPU device reported an error'
      this.failure ??= new Error(`${what}: ${error.message}`)
    })
    void device.lost.then((info) => {
      if (!this.destroyed) this.failure ??= new Error(`the GPU device was lost (${info.reason}): ${info.message}`)
    })
  }

  /** Throws what the device reported since the last call, if anything. */
  check(): void {
    if (this.failure) throw this.failure
  }

  /** Largest range one binding may span, in bytes. */
  get maxBinding(): number {
    return Math.min(this.device.limits.maxStorageBufferBindingSize, this.device.limits.maxBufferSize)
  }

  /** A buffer of its own that outlives programs. `data` is uploaded; without it the buffer is zero. */
  persistent(kind: TensorKind, label: string, shape: readonly number[], data?: ArrayBufferView): Tensor {
    const bytes = sizeOf(shape) * 4
    if (bytes > this.maxBinding)
      throw new Error(
        `${label} [${shape.join(', ')}] takes ${bytes} bytes; this adapter binds at most ${this.maxBinding} at once`,
      )
    const buffer = this.buffer(label, bytes)
    const tensor = new Tensor({ kind, label, bytes, buffer, offset: 0 }, [...shape])
    this.bytes[kind] += bytes
    if (data) this.write(tensor, data)
    return tensor
  }

  /** A storage buffer the caller owns. */
  buffer(label: string, bytes: number): GPUBuffer {
    if (bytes > this.device.limits.maxBufferSize)
      throw new Error(
        `${label}: ${bytes} bytes are over this adapter's largest buffer, ${this.device.limits.maxBufferSize}`,
      )
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
    return this.device.createBuffer({ label, size: Math.max(16, Math.ceil(bytes / 16) * 16), usage })
  }

  /** A frozen tensor; stored as halves (f16) where asked and worth it: it can then only be read, by dispatches. */
  weight(label: string, shape: readonly number[], data: Float32Array, storage: StorageType = 'f32'): Tensor {
    if (storage === 'f32' || !halvable(data.length)) return this.persistent('weight', label, shape, data)
    const words = this.persistent('weight', label, [data.length / 2], toHalves(data))
    return new Tensor({ ...words.storage, halves: true }, [...shape])
  }

  private readonly constants = new Map<string, Tensor>()

  /** A persistent tensor of fixed values, made once for each label. */
  constant(label: string, shape: readonly number[], values: () => ArrayBufferView): Tensor {
    let tensor = this.constants.get(label)
    if (!tensor) {
      tensor = this.persistent('weight', label, shape, values())
      this.constants.set(label, tensor)
    }
    return tensor
  }

  /** Uploads host data into a tensor that has a buffer (persistent, or placed by a program). */
  write(tensor: Tensor, data: ArrayBufferView): void {
    const { buffer, offset, label } = inFull(tensor)
    if (!buffer) throw new Error(`${label} has no memory yet: compile the program first`)
    if (data.byteLength !== tensor.size * 4)
      throw new Error(`${label} [${tensor.shape.join(', ')}] takes ${tensor.size * 4} bytes, got ${data.byteLength}`)
    const start = offset + tensor.elementOffset * 4
    this.device.queue.writeBuffer(buffer, start, data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
  }

  /** Copies a tensor to the host; fails when the device has reported an error. */
  async read(tensor: Tensor): Promise<Float32Array> {
    return new Float32Array(await this.readBytes(tensor))
  }

  async readBytes(tensor: Tensor): Promise<ArrayBuffer> {
    this.check()
    const { buffer, offset, label } = inFull(tensor)
    if (!buffer) throw new Error(`${label} has no memory yet: compile the program first`)
    const size = tensor.size * 4
    const staging = this.device.createBuffer({
      label: `${label}: read`,
      size,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    })
    const encoder = this.device.createCommandEncoder()
    encoder.copyBufferToBuffer(buffer, offset + tensor.elementOffset * 4, staging, 0, size)
    this.device.queue.submit([encoder.finish()])
    try {
      await this.wait(() => staging.mapAsync(GPUMapMode.READ))
    } catch (error) {
      this.check()
      throw new Error(
        `reading ${label} from the GPU failed: ${(error as Error).message || 'the device gave no reason'}`,
      )
    }
    const copy = staging.getMappedRange().slice(0)
    staging.destroy()
    this.check()
    return copy
  }

  /** Resolves when the GPU has done all that was submitted; throws what it reported. */
  async idle(): Promise<void> {
    this.device.queue.submit([])
    await this.wait(() => this.device.queue.onSubmittedWorkDone())
    this.check()
  }

  /** The pipeline of a shader's entry, compiled once per set of constants. */
  pipeline(shader: Shader, entryPoint: string, constants: Record<string, number> = {}): Promise<Pipeline> {
    const key = `${shader.name}/${entryPoint}/${JSON.stringify(constants)}`
    let pipeline = this.pipelines.get(key)
    if (!pipeline) {
      pipeline = this.compile(shader, entryPoint, constants, key)
      this.pipelines.set(key, pipeline)
    }
    return pipeline
  }

  private async compile(shader: Shader, entryPoint: string, constants: Record<string, number>, label: string) {
    const { device } = this
    const entry = shader.entries[entryPoint]
    if (!entry) throw new Error(`${shader.name}.wgsl has no entry point ${entryPoint}`)
    let module = this.modules.get(shader)
    if (!module) {
      module = device.createShaderModule({ label: shader.name, code: shader.code })
      this.modules.set(shader, module)
    }
    const type = { uniform: 'uniform', read: 'read-only-storage', read_write: 'storage' } as const
    const layout = device.createBindGroupLayout({
      label,
      entries: entry.bindings.map(({ binding, kind }) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: type[kind] },
      })),
    })
    try {
      const compiled = () =>
        device.createComputePipelineAsync({
          label,
          layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
          compute: { module, entryPoint, constants },
        })
      return { pipeline: await this.wait(compiled), layout }
    } catch (error) {
      const info = await module.getCompilationInfo()
      const lines = info.messages.map((m) => `  ${shader.name}.wgsl:${m.lineNum}:${m.linePos} ${m.message}`)
      throw new Error([`${label} does not compile: ${(error as Error).message}`, ...lines].join('\n'))
    }
  }

  /** Gives a persistent tensor's memory back. */
  release(tensor: Tensor): void {
    this.bytes[tensor.storage.kind] -= tensor.storage.bytes
    tensor.storage.buffer?.destroy()
    tensor.storage.buffer = null
  }

  /** Destroys the device; the engine is of no use afterwards. */
  destroy(): void {
    this.destroyed = true
    this.device.destroy()
  }
}

/** The storage of a tensor whose elements lie there as they are. */
function inFull({ storage }: Tensor): Storage {
  if (storage.halves)
    throw new Error(`${storage.label} is stored as halves (f16): the host can neither read nor write it`)
  return storage
}
