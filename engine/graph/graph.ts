/**
 * @file Records a step: forward operations append dispatches and put their backward on a tape; `backward` appends the
 * gradients' dispatches in reverse. Nothing runs here: `compile` places the memory and gives a Program to replay.
 */
import type { Engine } from '../device/engine'
import { type Shader, type UniformValues, packUniform } from '../device/shader'
import type { Dispatch, Recorder } from './dispatch'
import { elementwise } from './elementwise'
import { Program } from './program'
import { Tensor, type TensorKind, sizeOf } from './tensor'

/** Where an operation's backward writes an input's gradient: over it, or added to what other consumers wrote before. */
export interface GradientTarget {
  tensor: Tensor
  accumulate: 0 | 1
}

interface TapeEntry {
  output: Tensor
  backward: (gradient: Tensor) => void
}

export class Graph implements Recorder {
  readonly dispatches: Dispatch[] = []
  /** Tensors the host reads or writes: they live through the whole step. */
  readonly kept = new Set<Tensor['storage']>()
  private readonly tape: TapeEntry[] = []
  private readonly gradients = new Map<Tensor, Tensor>()
  /** Gradients whose memory has been handed on. */
  private readonly passed = new Set<Tensor['storage']>()

  /** `training` false records no tape, and intermediates live only as long as the forward pass needs them. */
  constructor(
    readonly engine: Engine,
    readonly training = false,
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
      // an unused writable binding needs memory that nothing else in this dispatch reads
      const unused = () => (kind === 'read' ? this.unused() : this.tensor('unused', [64]))
      bound.push({ binding, tensor: tensor ?? unused(), writes: kind === 'read_write' })
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
    this.tape.push({ output: rootOf(output), backward })
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
    for (const { output: result, backward } of this.tape.reverse()) {
      const gradient = this.gradients.get(result)
      if (gradient) backward(gradient)
    }
    this.tape.length = 0
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
