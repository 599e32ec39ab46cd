/**
 * @file Records a step: forward operations append dispatches and put their backward on a tape; `backward` appends the
 * gradients' dispatches in reverse. Nothing runs here: `compile` places the memory and gives a Program to replay.
 */
import type { Engine } from '../device/engine'
import { type Shader, type UniformValues, packUniform } from '../device/shader'
import type { Dispatch, Recorder } from './dispatch'
import { elementwise } from './elementwise'
import { packWaiting, unpack } from './f16-storage'
import { Program } from './program'
import { dropUnread } from './dead-dispatches'
import { type StorageType, Tensor, type TensorKind, sizeOf } from '../device/tensor'

/** Where an operation's backward writes an input's gradient: over it, or added to what other consumers wrote before. */
export interface GradientTarget {
  tensor: Tensor
  accumulate: 0 | 1
}

interface TapeEntry {
  /** Roots of what the operation gave: it has a backward where one of them has a gradient. */
  outputs: readonly Tensor[]
  /** Gets their finished gradients, null where none reached an output. */
  backward: (gradients: readonly (Tensor | null)[]) => void
}

/** A part of the model that has a backward; `again` where its intermediates are computed again in it. */
export interface Segment {
  name: string
  again: boolean
}

/** How a training graph saves memory; by itself it keeps everything, as it was computed. */
export interface Saving {
  /** Says of a segment, by its name, whether its intermediates are computed again in the backward pass: the same bits. */
  recompute?: (segment: string) => boolean
  /** f16: what waits for the backward pass waits as halves. */
  storage?: StorageType
}

export class Graph implements Recorder {
  readonly dispatches: Dispatch[] = []
  /** Tensors the host reads or writes: they live through the whole step. */
  readonly kept = new Set<Tensor['storage']>()
  private readonly tape: TapeEntry[] = []
  private readonly gradients = new Map<Tensor, Tensor>()
  /** Gradients whose memory has been handed on. */
  private readonly passed = new Set<Tensor['storage']>()
  /** What was recorded of them, in order. */
  readonly segments: Segment[] = []

  /**
   * `training` false records no tape, and intermediates live only as long as the forward pass needs them.
   */
  constructor(
    readonly engine: Engine,
    readonly training = false,
    private readonly saving: Saving = {},
  ) {}

  /** An intermediate: placed in an arena when the graph is compiled. */
  tensor(label: string, shape: readonly number[], kind: TensorKind = 'activation'): Tensor {
    const bytes = sizeOf(shape) * 4
    if (bytes > this.engine.maxBinding)
      throw new Error(
        `${label} [${shape.join(', ')}] takes ${bytes} bytes, over the ${this.engine.maxBinding} this adapter binds at once: ` +
          'use a smaller micro-batch, input size or number of prompts a step',
      )
    return new Tensor({ kind, label, bytes, buffer: null, offset: 0 }, [...shape])
  }

  /** What the host writes before a run (`program.write`). */
  input(label: string, shape: readonly number[]): Tensor {
    const tensor = this.tensor(label, shape, 'input')
    this.kept.add(tensor.storage)
    return tensor
  }

  /** Marks a tensor that the host reads after a run. */
  keep<T extends Tensor>(tensor: T): T {
    this.kept.add(tensor.storage)
    return tensor
  }

  /**
   * Appends one dispatch. `bindings` are by the shader's own names; null binds a small unused buffer. `params` fills the
   * uniform struct, every member of it. Throws where a name is unknown or missing, or where the grid is over the limit.
   */
  dispatch(
    shader: Shader,
    entryName: string,
    bindings: Record<string, Tensor | null>,
    params: UniformValues,
    groups: readonly [number, number?, number?],
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
      if (writes && tensor?.storage.halves)
        throw new Error(`${label} cannot write ${tensor.label}, which is stored as halves (f16)`)
      // an unused writable binding needs memory that nothing else in this dispatch reads
      const unused = () => (writes ? this.tensor('unused', [64]) : this.unused())
      bound.push({ binding, tensor: tensor ? this.expanded(tensor) : unused(), writes })
    }
    const names = new Set(entry.bindings.map((b) => b.name))
    for (const name of Object.keys(bindings)) if (!names.has(name)) throw new Error(`${label}: no binding "${name}"`)
    let uniform: ArrayBuffer | null = null
    if (entry.uniform) {
      uniform = new ArrayBuffer(entry.uniform.size)
      packUniform(entry, label, params, new DataView(uniform), 0)
    }
    const grid: [number, number, number] = [groups[0], groups[1] ?? 1, groups[2] ?? 1]
    const limit = this.engine.device.limits.maxComputeWorkgroupsPerDimension
    if (grid.some((g) => !Number.isInteger(g) || g < 1 || g > limit))
      throw new Error(`${label}: a grid of ${grid.join(' x ')} workgroups is not within 1 to ${limit}`)
    this.dispatches.push({ label, shader, entry: entryName, constants, bindings: bound, uniform, groups: grid })
  }

  /** What is stored as halves in f32, for the dispatch that is being recorded: what is expanded lives no longer than that. */
  private expanded(tensor: Tensor): Tensor {
    const { storage, shape, elementOffset } = tensor
    if (!storage.halves) return tensor
    const elements = storage.bytes / 2
    const whole = this.tensor(`${storage.label}: expanded`, [elements], 'weight')
    unpack(this, new Tensor({ ...storage, halves: false }, [elements / 2]), whole)
    return new Tensor(whole.storage, shape, elementOffset)
  }

  private unused(): Tensor {
    return this.constant('unused', [64], () => new Float32Array(64))
  }

  /**
   * Puts an operation's backward on the tape. `inputs` are what it can send gradients to; where none wants one, the
   * operation is constant and nothing is recorded. `backward` gets the finished gradient of `output`.
   */
  record(inputs: readonly (Tensor | null | undefined)[], output: Tensor, backward: (gradient: Tensor) => void): void {
    if (!this.training || !inputs.some((t) => t?.requiresGrad)) return
    output.requiresGrad = true
    this.tape.push({ outputs: [rootOf(output)], backward: ([gradient]) => backward(gradient!) })
  }

  /**
   * Records a part of the model, a block say, which `build` records from tensors made before it to the tensors it returns.
   * Where the graph is to recompute the segment, nothing else of it lives on to the backward pass: this records the
   * segment once more, then its backward. So `build` must record the same each time, write only tensors that it makes, and
   * give out nothing but what it returns. A segment without anything to train is not recorded twice.
   */
  segment<T extends readonly Tensor[]>(name: string, build: () => T): T {
    const mark = this.tape.length
    const start = this.dispatches.length
    const outputs = build()
    if (this.tape.length === mark) return outputs
    const again = this.saving.recompute?.(name) ?? false
    this.segments.push({ name, again })
    if (!again) return outputs
    this.tape.length = mark
    for (const { bindings, label } of this.dispatches.slice(start))
      for (const { tensor, writes } of bindings)
        if (writes && tensor.storage.buffer)
          throw new Error(
            `${name}: ${label} writes ${tensor.label}, which would be written twice when it is recomputed`,
          )
    const roots = outputs.map(rootOf)
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
    dropUnread(this.dispatches, start, end)
  }

  /** Where to add the gradient of `tensor`, or null where none is wanted. Each call is one contribution. */
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
   * Adds `gradient` to that of `tensor` unchanged, as an addition's backward does. Where it is the first contribution the
   * memory itself is handed on, so a residual stream costs no copies; the giver must not need it after its own backward.
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

  /** A tensor of fixed values that the engine keeps and shares by its label. */
  constant(label: string, shape: readonly number[], values: () => ArrayBufferView): Tensor {
    return this.engine.constant(label, shape, values)
  }

  /** Gives further outputs their own upstream gradients, before `backward`: for graphs with more than one result. */
  seed(upstreams: readonly (readonly [Tensor, Tensor])[]): void {
    for (const [output, upstream] of upstreams) this.gradients.set(rootOf(output), upstream)
  }

  /** Appends the backward pass from `output`, whose own gradient is `upstream` (same size). */
  backward(output: Tensor, upstream: Tensor): void {
    if (!this.training) throw new Error('this graph was recorded without training')
    if (!output.requiresGrad) throw new Error(`${output.label} depends on nothing that wants a gradient`)
    if (upstream.size !== output.size) throw new Error(`${output.label}: the upstream gradient has another size`)
    this.gradients.set(rootOf(output), upstream)
    const middle = this.dispatches.length
    this.unwind()
    if (this.saving.storage === 'f16') packWaiting(this, this.kept, middle)
  }

  /** Records the backward of all that is on the tape; what it puts there is a segment's, unwound by the segment itself. */
  private unwind(): void {
    for (const { outputs, backward } of this.tape.splice(0).reverse()) {
      const gradients = outputs.map((output) => this.gradients.get(output) ?? null)
      if (gradients.some((gradient) => gradient)) backward(gradients)
    }
  }

  /** The gradient of a tensor after `backward`; null where none reached it. */
  gradientOf(tensor: Tensor): Tensor | null {
    return tensor.grad ?? this.gradients.get(rootOf(tensor)) ?? null
  }

  /** Places the memory, compiles the pipelines (in parallel) and gives what can be replayed. */
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
export { grid1d } from './grid'
