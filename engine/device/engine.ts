/**
 * @file The engine wraps one GPUDevice of any host (Node, browser, Deno, Bun): compiled pipelines, persistent tensors,
 * uploads and read-back, and the device's errors. WebGPU reports an error asynchronously while every later result reads as
 * zeros, so the engine records the first error and throws it wherever results reach the host.
 */
import { SettingError } from '../setting-error'
import { toF16 } from './float16'
import { type KernelVariants, defaultVariants } from './kernel-variants'
import { DeviceLostError, GpuError, toGpuError } from './gpu-errors'
import { findMatrixUnits, type MatrixUnits } from './matrix-units'
import { DEFAULT_PRECISION, type Precision } from './precision'
import { type Shader, sourceOf } from './shader'
import { isSoftwareAdapter } from './software-adapter'
import { ReadBuffers, StagedUploads } from './staging'
import { type Storage, type StorageType, Tensor, type TensorKind, eligibleForF16, sizeOf } from './tensor'

export interface Pipeline {
  pipeline: GPUComputePipeline
  layout: GPUBindGroupLayout
}

/** Calls `start` and waits for the promise it returns. */
export type Wait = <T>(start: () => Promise<T>) => Promise<T>

/** How an engine uses its device; the defaults suit a page that has the device to itself. */
export interface EngineOptions {
  /** Awaits the GPU's promises; a host may replace plain awaiting by something better (src/host/idle-wait.ts). */
  wait?: Wait
  /** Precision of matrix products and attention on matrix units. */
  precision?: Precision
  /** The matrix units of the device. By default those that it reports; some hosts report them by the adapter only. */
  matrixUnits?: MatrixUnits | null
  /** Whether kernels are recorded as for an adapter that computes on the processor. By default whether the device does. */
  software?: boolean
  /**
   * True if the host also uses the device for work that is not the engine's. Only errors of the engine's own calls then stop
   * it, and `dispose` frees what it made. By default every error that the device reports is taken to be the engine's.
   */
  sharedDevice?: boolean
}

/**
 * The engine on one GPU device: it compiles shaders, holds tensors, records and runs programs. Models are loaded onto it.
 * @example
 * const engine = new Engine(device, { sharedDevice: true })
 * // … load a model, predict …
 * engine.dispose() // the device continues to work
 */
export class Engine {
  private readonly wait: Wait
  private readonly pipelines = new Map<string, Promise<Pipeline>>()
  private readonly modules = new Map<Shader, GPUShaderModule>()
  private failure: GpuError | null = null
  private destroyed = false
  private readonly shared: boolean
  /** Error scopes whose outcome is not known yet. */
  private readonly scopes = new Set<Promise<void>>()
  /** Bytes of persistent tensors by kind. Programs report the memory of their intermediates: `Program.memory`. */
  readonly bytes: Record<TensorKind, number> = {
    weight: 0,
    adapter: 0,
    optimizer: 0,
    gradient: 0,
    input: 0,
    activation: 0,
    statistic: 0,
  }

  /** True if kernels are recorded as for an adapter that computes on the processor, which this one then does. */
  readonly software: boolean
  /** Mapped buffers for large uploads; null: everything is uploaded by the queue, which on a software adapter is as fast. */
  uploads: StagedUploads | null
  private readonly reads: ReadBuffers
  /** Minimum number of lanes in a subgroup; 0 if kernels cannot use subgroups. */
  readonly subgroupSize: number
  /** The matrix units that kernels can use; null if the device was made without their features. */
  readonly matrixUnits: MatrixUnits | null
  readonly precision: Precision
  /** The kernel variants to record from now on. The default depends on the kind of adapter; a host may set measured ones. */
  variants: KernelVariants

  constructor(
    readonly device: GPUDevice,
    options: EngineOptions = {},
  ) {
    if (typeof device?.createBuffer !== 'function')
      throw new SettingError('an Engine takes a GPUDevice: new Engine(await adapter.requestDevice())')
    this.wait = options.wait ?? ((start) => start())
    this.precision = options.precision ?? DEFAULT_PRECISION.inference
    const info = device.adapterInfo
    this.software = options.software ?? isSoftwareAdapter(info)
    this.uploads = this.software ? null : new StagedUploads(device)
    this.reads = new ReadBuffers(device)
    // without the feature kernels cannot use subgroups, whatever size the adapter reports
    this.subgroupSize = device.features.has('subgroups') ? (info?.subgroupMinSize ?? 0) : 0
    this.matrixUnits = options.matrixUnits === undefined ? findMatrixUnits(device.features, info) : options.matrixUnits
    this.variants = defaultVariants(this)
    this.shared = options.sharedDevice ?? false
    if (!this.shared)
      device.addEventListener('uncapturederror', (event) => {
        this.failure ??= toGpuError((event as GPUUncapturedErrorEvent).error)
      })
    void device.lost.then((info) => {
      if (!this.destroyed)
        this.failure ??= new DeviceLostError(`the GPU device was lost (${info.reason}): ${info.message}`)
    })
  }

  /**
   * Runs calls of the device that may make it report an error. On a shared device they are wrapped in error scopes, which catch
   * the errors of these calls and of no others; `work` must therefore not wait for anything.
   */
  scoped<T>(work: () => T): T {
    if (!this.shared) return work()
    const filters = ['validation', 'out-of-memory', 'internal'] as const
    for (const filter of filters) this.device.pushErrorScope(filter)
    try {
      return work()
    } finally {
      const errors = Promise.all(filters.map(() => this.device.popErrorScope()))
      const settled: Promise<void> = errors
        .then(
          (found) => {
            const error = found.find((one) => one !== null)
            if (error) this.failure ??= toGpuError(error)
          },
          // a scope of a device that was lost cannot be popped; `lost` reports that
          () => {},
        )
        .finally(() => this.scopes.delete(settled))
      this.scopes.add(settled)
    }
  }

  /** Waits for the error scopes of what was called before. */
  private async settle(): Promise<void> {
    if (this.scopes.size) await this.wait(() => Promise.all(this.scopes))
  }

  /** @throws Error the first error that the device reported, if any */
  check(): void {
    if (this.failure) throw this.failure
  }

  /** Maximum size of one binding, in bytes. */
  get maxBinding(): number {
    return Math.min(this.device.limits.maxStorageBufferBindingSize, this.device.limits.maxBufferSize)
  }

  /**
   * Creates a tensor with its own buffer, which outlives programs. `data` is uploaded; without it the tensor is zero.
   * @throws Error if this adapter cannot bind a tensor of this size
   */
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

  /** Creates a storage buffer that the caller owns. @throws Error if it is larger than the adapter allows */
  buffer(label: string, bytes: number): GPUBuffer {
    if (bytes > this.device.limits.maxBufferSize)
      throw new Error(
        `${label}: ${bytes} bytes are over this adapter's largest buffer, ${this.device.limits.maxBufferSize}`,
      )
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
    return this.scoped(() => this.device.createBuffer({ label, size: Math.max(16, Math.ceil(bytes / 16) * 16), usage }))
  }

  /**
   * Creates a frozen weight. With `storage` f16, weights that are `eligibleForF16` are stored as f16: dispatches can then
   * read them, but nothing can write them and the host cannot read them.
   */
  weight(label: string, shape: readonly number[], data: Float32Array, storage: StorageType = 'f32'): Tensor {
    if (storage === 'f32' || !eligibleForF16(data.length)) return this.persistent('weight', label, shape, data)
    const words = this.persistent('weight', label, [data.length / 2], toF16(data))
    return new Tensor({ ...words.storage, f16: true }, [...shape])
  }

  private readonly constants = new Map<string, Tensor>()

  /** A persistent tensor of constant values, created once per label. */
  constant(label: string, shape: readonly number[], values: () => ArrayBufferView): Tensor {
    let tensor = this.constants.get(label)
    if (!tensor) {
      tensor = this.persistent('weight', label, shape, values())
      this.constants.set(label, tensor)
    }
    return tensor
  }

  /**
   * Uploads host data into a tensor that has a buffer (persistent, or placed by a program).
   * @throws Error if the tensor has no memory, is stored as f16, or `data` has another size
   */
  write(tensor: Tensor, data: ArrayBufferView): void {
    const { buffer, offset, label } = requireF32(tensor)
    if (!buffer) throw new Error(`${label} has no memory yet: compile the program first`)
    if (data.byteLength !== tensor.size * 4)
      throw new Error(`${label} [${tensor.shape.join(', ')}] takes ${tensor.size * 4} bytes, got ${data.byteLength}`)
    const start = offset + tensor.elementOffset * 4
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
    this.scoped(() => {
      const staged = this.uploads?.write(buffer, start, bytes) ?? 0
      if (staged < bytes.byteLength) this.device.queue.writeBuffer(buffer, start + staged, bytes, staged)
    })
  }

  /** Copies a tensor to the host. @throws Error if the tensor has no memory, is stored as f16, or the device failed */
  async read(tensor: Tensor): Promise<Float32Array> {
    return new Float32Array(await this.readBytes(tensor))
  }

  /** As `read`, uninterpreted. */
  async readBytes(tensor: Tensor): Promise<ArrayBuffer> {
    return this.readMapped([tensor], (mapped) => mapped.slice(0))
  }

  /** As `read`, several tensors at once, as they are at this point of the queue. */
  async readAll(tensors: readonly Tensor[]): Promise<Float32Array[]> {
    return this.readMapped(tensors, (mapped) => {
      let at = 0
      return tensors.map(({ size }) => {
        at += size
        return new Float32Array(mapped, 4 * (at - size), size).slice()
      })
    })
  }

  /**
   * Lets `use` see tensors, one after the other, as they are at this point of the queue, without copying them on the host. The
   * memory is gone when `use` returns.
   * @throws as `read` · what `use` throws
   */
  async readMapped<T>(tensors: readonly Tensor[], use: (mapped: ArrayBuffer) => T): Promise<T> {
    this.check()
    const size = tensors.reduce((sum, tensor) => sum + 4 * tensor.size, 0)
    const label = tensors.map((tensor) => tensor.label).join(', ')
    const sources = tensors.map((tensor) => {
      const { buffer, offset } = requireF32(tensor)
      if (!buffer) throw new Error(`${tensor.label} has no memory yet: compile the program first`)
      return { buffer, start: offset + tensor.elementOffset * 4, bytes: 4 * tensor.size }
    })
    const staging = this.scoped(() => {
      const buffer = this.reads.take(size)
      const encoder = this.device.createCommandEncoder()
      let at = 0
      for (const { buffer: source, start, bytes } of sources) {
        encoder.copyBufferToBuffer(source, start, buffer, at, bytes)
        at += bytes
      }
      this.device.queue.submit([encoder.finish()])
      return buffer
    })
    try {
      // the mapping is requested in this call, so that two reads that overlap are answered in their order
      const mapping = this.wait(() => this.scoped(() => staging.mapAsync(GPUMapMode.READ, 0, size)))
      await Promise.all([mapping, this.settle()])
    } catch (error) {
      staging.destroy()
      this.check()
      throw new Error(
        `reading ${label} from the GPU failed: ${(error as Error).message || 'the device gave no reason'}`,
      )
    }
    try {
      const result = use(staging.getMappedRange(0, size))
      this.check()
      return result
    } finally {
      staging.unmap()
      this.reads.give(staging)
    }
  }

  /** Resolves when the GPU has finished all submitted work. @throws Error the error that the device reported, if any */
  async idle(): Promise<void> {
    this.device.queue.submit([])
    await this.wait(() => this.device.queue.onSubmittedWorkDone())
    await this.settle()
    this.check()
  }

  /** The pipeline of a shader's entry point, compiled once per set of constants. @throws Error if it does not compile */
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
      module = this.scoped(() => device.createShaderModule({ label: shader.name, code: shader.code }))
      this.modules.set(shader, module)
    }
    const type = { uniform: 'uniform', read: 'read-only-storage', read_write: 'storage' } as const
    const entries = entry.bindings.map(({ binding, kind }) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: type[kind] },
    }))
    const layout = this.scoped(() => device.createBindGroupLayout({ label, entries }))
    const pipelineLayout = this.scoped(() => device.createPipelineLayout({ bindGroupLayouts: [layout] }))
    try {
      const compiled = () =>
        device.createComputePipelineAsync({ label, layout: pipelineLayout, compute: { module, entryPoint, constants } })
      return { pipeline: await this.wait(compiled), layout }
    } catch (error) {
      const info = await module.getCompilationInfo()
      const lines = info.messages.map((m) => `  ${sourceOf(shader, m.lineNum)}:${m.linePos} ${m.message}`)
      throw new Error([`${label} does not compile: ${(error as Error).message}`, ...lines].join('\n'))
    }
  }

  /** Frees the memory of a persistent tensor. */
  release(tensor: Tensor): void {
    this.bytes[tensor.storage.kind] -= tensor.storage.bytes
    tensor.storage.buffer?.destroy()
    tensor.storage.buffer = null
  }

  /**
   * Frees what the engine itself holds on the device: constants, and buffers for uploads and reads. Models, predictors and
   * training steps free their own memory, before this. The device continues to work; the engine cannot be used afterwards.
   */
  dispose(): void {
    this.destroyed = true
    for (const tensor of this.constants.values()) this.release(tensor)
    this.constants.clear()
    this.reads.destroy()
    this.uploads?.destroy()
    this.pipelines.clear()
    this.modules.clear()
    this.failure ??= new GpuError('the engine was disposed of')
  }

  /** Destroys the device, and all memory with it; the engine cannot be used afterwards. */
  destroy(): void {
    this.destroyed = true
    this.device.destroy()
  }
}

/** The tensor's storage. @throws Error if it is stored as f16 */
function requireF32({ storage }: Tensor): Storage {
  if (storage.f16) throw new Error(`${storage.label} is stored as f16: the host can neither read nor write it`)
  return storage
}
