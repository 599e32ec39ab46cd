/**
 * @file Records a step by reverse-mode automatic differentiation: forward operations append dispatches and push their
 * backward function on a tape; `backward` calls these in reverse order, which appends the dispatches of the gradients.
 * Nothing runs on the GPU while recording: `compile` plans the memory and returns a Program that can be replayed.
 */
import type { Engine } from '../device/engine'
import { type Grid, TOO_LARGE, checkedGrid } from '../device/grid'
import { type Shader, type UniformValues, packUniform } from '../device/shader'
import type { Dispatch, Recorder } from './dispatch'
import { elementwise } from './elementwise'
import { packForBackward, unpack } from './f16-storage'
import { Program } from './program'
import { removeDeadDispatches } from './dead-dispatches'
import { type StorageType, Tensor, type TensorKind, sizeOf } from '../device/tensor'

/** Where an operation's backward pass writes an input's gradient. `accumulate` 1: add to it; 0: overwrite it. */
export interface GradientTarget {
  tensor: Tensor
  accumulate: 0 | 1
}

interface TapeEntry {
  /** Roots of the operation's outputs. Its backward pass is recorded if a gradient reached at least one of them. */
  outputs: readonly Tensor[]
  /** Receives the complete gradients of the outputs; null for an output that no gradient reached. */
  backward: (gradients: readonly (Tensor | null)[]) => void
}

/** A part of the model, such as one block, that has a backward pass. */
export interface ModelSegment {
  name: string
  /** True if the backward pass recomputes the segment's intermediates instead of keeping them (gradient checkpointing). */
  recompute: boolean
}

/** Memory-saving options of a training graph; by default every intermediate is kept in f32. */
export interface MemoryOptions {
  /** Decides by a segment's name whether its intermediates are recomputed; the results are the same to the bit. */
  recompute?: (segment: string) => boolean
  /** f16: activations kept for the backward pass are stored as f16. */
  storage?: StorageType
}

/**
 * Records operations and, for training, their backward pass: reverse-mode automatic differentiation. `compile` makes a Program of it.
 * @example
 * const g = new Graph(engine, false)
 * const pixels = g.input('pixels', [1, model.inputSize, model.inputSize, 3])
 * const sizes = g.input('sizes', [1, 2])
 * const embedding = g.keep(model.encode(g, pixels, sizes))
 * const program = await g.compile()
 */
export class Graph implements Recorder {
  readonly dispatches: Dispatch[] = []
  /** Storages that the host reads or writes: they keep their memory through the whole step. */
  readonly kept = new Set<Tensor['storage']>()
  private readonly tape: TapeEntry[] = []
  private readonly gradients = new Map<Tensor, Tensor>()
  /** Gradients whose memory has become another tensor's gradient: see passGradient. */
  private readonly passed = new Set<Tensor['storage']>()
  /** Outputs of segments that are recomputed: a gradient must reach themselves, as what they are made of is no longer on the tape. */
  private readonly detached = new WeakSet<Tensor>()
  /** Segments recorded so far, in order. */
  readonly segments: ModelSegment[] = []

  /** With `training` false no tape is recorded, so intermediates live only as long as the forward pass needs them. */
  constructor(
    readonly engine: Engine,
    readonly training = false,
    private readonly options: MemoryOptions = {},
  ) {}

  /** Creates an intermediate, which gets its memory when the graph is compiled. @throws Error if it is too large to bind */
  tensor(
    label: string,
    shape: readonly number[],
    kind: TensorKind = 'activation',
    storage: StorageType = 'f32',
  ): Tensor {
    const bytes = sizeOf(shape) * (storage === 'f16' ? 2 : 4)
    if (bytes > this.engine.maxBinding)
      throw new Error(
        `${label} [${shape.join(', ')}] takes ${bytes} bytes, over the ${this.engine.maxBinding} this adapter binds at once: ${TOO_LARGE}`,
      )
    return new Tensor({ kind, label, bytes, buffer: null, offset: 0, ...(storage === 'f16' && { f16: true }) }, [
      ...shape,
    ])
  }

  /** Creates an input, which the host writes before a run: see Program.write. */
  input(label: string, shape: readonly number[]): Tensor {
    const tensor = this.tensor(label, shape, 'input')
    this.kept.add(tensor.storage)
    return tensor
  }

  /** Keeps the memory of a tensor that the host reads after a run. */
  keep<T extends Tensor>(tensor: T): T {
    this.kept.add(tensor.storage)
    return tensor
  }

  /**
   * Appends one dispatch. `bindings` are by the shader's own names; null binds a small unused buffer. `params` must have
   * every member of the uniform struct.
   * @throws Error if a name is unknown or missing, the grid is over the device's limit, or an f16 tensor would be written
   */
  dispatch(
    shader: Shader,
    entryName: string,
    bindings: Record<string, Tensor | null>,
    params: UniformValues,
    grid: Grid,
    constants: Record<string, number> = {},
  ): void {
    const label = `${shader.name}/${entryName}`
    const entry = shader.entries[entryName]
    if (!entry) throw new Error(`${shader.name}.wgsl has no entry point ${entryName}`)
    const bound: Dispatch['bindings'] = []
    for (const { name, binding, kind } of entry.bindings) {
      if (kind === 'uniform') continue
      const tensor = bindings[name]
      if (tensor === undefined) throw new Error(`${label}: nothing is bound to "${name}"`)
      const writes = kind === 'read_write'
      if (writes && tensor?.storage.f16 && !tensor.words)
        throw new Error(`${label} cannot write ${tensor.label}, which is stored as f16`)
      // an unused writable binding must not share a buffer with anything that this dispatch reads
      const unused = () => (writes ? this.tensor('unused', [64]) : this.unused())
      bound.push({ binding, tensor: tensor ? this.asF32(tensor) : unused(), writes })
    }
    const names = new Set(entry.bindings.map((b) => b.name))
    for (const name of Object.keys(bindings)) if (!names.has(name)) throw new Error(`${label}: no binding "${name}"`)
    let uniform: ArrayBuffer | null = null
    if (entry.uniform) {
      uniform = new ArrayBuffer(entry.uniform.size)
      packUniform(entry, label, params, new DataView(uniform), 0)
    }
    const groups = checkedGrid(this.engine.device, label, grid)
    this.dispatches.push({ label, shader, entry: entryName, constants, bindings: bound, uniform, groups })
  }

  /** An f16 tensor unpacked to f32 for the dispatch that is being recorded; the f32 copy is live for that dispatch only. */
  private asF32(tensor: Tensor): Tensor {
    const { storage, shape, elementOffset } = tensor
    if (!storage.f16 || tensor.words) return tensor
    const elements = storage.bytes / 2
    const whole = this.tensor(`${storage.label}: f32`, [elements], 'weight')
    unpack(this, new Tensor(storage, [elements]).asWords(), whole)
    return new Tensor(whole.storage, shape, elementOffset)
  }

  private unused(): Tensor {
    return this.constant('unused', [64], () => new Float32Array(64))
  }

  /**
   * Pushes an operation's backward function on the tape. `inputs` are the tensors to which it can send gradients; if none
   * of them requires one, the operation is constant and nothing is recorded. `backward` receives the complete gradient of
   * `output`.
   */
  record(inputs: readonly (Tensor | null | undefined)[], output: Tensor, backward: (gradient: Tensor) => void): void {
    if (!this.training || !inputs.some((t) => t?.requiresGrad)) return
    output.requiresGrad = true
    this.tape.push({ outputs: [rootOf(output)], backward: ([gradient]) => backward(gradient!) })
  }

  /**
   * Records a segment of the model, such as one block. `build` records its operations on existing tensors and returns its
   * outputs. If the segment is to be recomputed (gradient checkpointing, as torch.utils.checkpoint), only these outputs
   * are kept for the backward pass, which calls `build` again to record the forward operations a second time, then their
   * backward. So `build` must record the same operations each time, write only tensors that it creates, and hand no tensor
   * out except by returning it. A segment in which nothing trains is recorded only once.
   * @throws Error if a segment to be recomputed writes a persistent tensor
   */
  segment<T extends readonly Tensor[]>(name: string, build: () => T): T {
    const mark = this.tape.length
    const start = this.dispatches.length
    const outputs = build()
    if (this.tape.length === mark) return outputs
    const recompute = this.options.recompute?.(name) ?? false
    this.segments.push({ name, recompute })
    if (!recompute) return outputs
    this.tape.length = mark
    for (const { bindings, label } of this.dispatches.slice(start))
      for (const { tensor, writes } of bindings)
        if (writes && tensor.storage.buffer)
          throw new Error(
            `${name}: ${label} writes ${tensor.label}, which would be written twice when it is recomputed`,
          )
    const roots = outputs.map(rootOf)
    for (const root of roots) this.detached.add(root)
    this.tape.push({ outputs: roots, backward: (gradients) => this.recomputeBackward(build, gradients) })
    return outputs
  }

  private recomputeBackward(build: () => readonly Tensor[], gradients: readonly (Tensor | null)[]): void {
    const start = this.dispatches.length
    const known = this.segments.length
    build().forEach((output, i) => gradients[i] && this.gradients.set(rootOf(output), gradients[i]))
    this.segments.length = known
    const end = this.dispatches.length
    this.unwind()
    removeDeadDispatches(this.dispatches, start, end)
  }

  /** Where to write one contribution to the gradient of `tensor`, or null if it requires none. Call it once per contribution. */
  gradientTarget(tensor: Tensor | null | undefined): GradientTarget | null {
    if (!tensor?.requiresGrad) return null
    if (tensor.grad) return { tensor: tensor.grad, accumulate: 1 }
    const root = rootOf(tensor)
    const known = this.gradients.get(root)
    if (known) return { tensor: shaped(known, tensor), accumulate: 1 }
    const gradient = this.tensor(`${root.label}: gradient`, root.shape, 'gradient')
    this.gradients.set(root, gradient)
    return { tensor: shaped(gradient, tensor), accumulate: 0 }
  }

  /**
   * Adds `gradient` unchanged to the gradient of `tensor`, as the backward pass of an addition does. If it is the first
   * contribution, `gradient` itself becomes the gradient of `tensor`, so residual connections cost no copies; the caller
   * must not use it after its own backward function.
   */
  passGradient(tensor: Tensor | null | undefined, gradient: Tensor): void {
    if (!tensor?.requiresGrad) return
    const root = rootOf(tensor)
    const free = !tensor.grad && !this.gradients.has(root) && !this.passed.has(gradient.storage)
    if (free && !this.kept.has(gradient.storage)) {
      this.passed.add(gradient.storage)
      this.gradients.set(root, shaped(gradient, root))
      return
    }
    const { tensor: out, accumulate } = this.gradientTarget(tensor)!
    elementwise(this, 'scale', { a: gradient, out }, gradient.size, { accumulate })
  }

  /** A persistent tensor of constant values, shared by its label: see Engine.constant. */
  constant(label: string, shape: readonly number[], values: () => ArrayBufferView): Tensor {
    return this.engine.constant(label, shape, values)
  }

  /**
   * Records a part of the forward pass whose backward pass follows at once, so that its activations are in memory only until then.
   * Gradients of what was recorded before add up until `backward`, which must come last.
   * @param build records the part and returns its output with its upstream gradient (same size)
   */
  withBackward(build: () => readonly [output: Tensor, upstream: Tensor]): void {
    const before = this.tape.splice(0)
    this.seed([build()])
    this.unwind()
    this.tape.push(...before)
  }

  /** Sets upstream gradients of further outputs, for graphs with several results. Call it before `backward`. */
  seed(upstreams: readonly (readonly [Tensor, Tensor])[]): void {
    for (const [output, upstream] of upstreams) this.gradients.set(rootOf(output), upstream)
  }

  /**
   * Appends the backward pass from `output`, whose gradient is `upstream` (same size).
   * @throws Error if the graph does not train, `output` depends on no parameter, or the sizes differ
   */
  backward(output: Tensor, upstream: Tensor): void {
    if (!this.training) throw new Error('this graph was recorded without training')
    if (!output.requiresGrad) throw new Error(`${output.label} depends on nothing that requires a gradient`)
    if (upstream.size !== output.size) throw new Error(`${output.label}: the upstream gradient has another size`)
    this.gradients.set(rootOf(output), upstream)
    const backwardStart = this.dispatches.length
    this.unwind()
    if (this.options.storage === 'f16') packForBackward(this, this.kept, backwardStart)
  }

  /** Records the backward pass of the whole tape. Recomputed segments push separate entries and unwind them themselves. */
  private unwind(): void {
    for (const { outputs, backward } of this.tape.splice(0).reverse()) {
      const gradients = outputs.map((output) => this.gradients.get(output) ?? null)
      if (gradients.some((gradient) => gradient)) backward(gradients)
    }
  }

  /** False if `tensor` is the output of a segment that is recomputed, so that only its own gradient leads back into the segment. */
  leadsBack(tensor: Tensor): boolean {
    return !this.detached.has(rootOf(tensor))
  }

  /** The gradient of a tensor after `backward`; null if none reached it. */
  gradientOf(tensor: Tensor): Tensor | null {
    return tensor.grad ?? this.gradients.get(rootOf(tensor)) ?? null
  }

  /** Plans the memory and compiles the pipelines (in parallel); the program can be run any number of times. */
  compile(): Promise<Program> {
    return Program.create(this.engine, this)
  }
}

const rootOf = (tensor: Tensor): Tensor => tensor.root ?? tensor
const shaped = (gradient: Tensor, like: Tensor): Tensor =>
  gradient.shape.length === like.shape.length && gradient.shape.every((d, i) => d === like.shape[i])
    ? gradient
    : gradient.reshape(...like.shape)

export type { Dispatch } from './dispatch'
export { grid1d } from '../device/grid'
