/**
 * @file Trainable parameters in flat arenas: values, gradients, Adam's two moments and, if wanted, moving averages of the
 * values, each in as few buffers as the
 * GPU adapter's largest binding allows, so that the optimiser takes a handful of dispatches for any number of
 * parameters.
 */
import type { Engine } from '../device/engine'
import type { Graph } from '../graph/graph'
import { Tensor, type TensorKind, sizeOf } from '../device/tensor'
import { fill } from '../ops/pointwise'

/** A parameter before training. */
export interface ParameterSpec {
  /** Unique within a set. */
  name: string
  shape: readonly number[]
  /** Initial values, row-major. */
  init: Float32Array
  /** False if weight decay must not shrink it: a network that starts from nothing, unlike an adapter, has no base to decay to. */
  decays?: boolean
  /** Its learning rate as a multiple of the optimiser's; 1 by default. */
  rate?: number
}

/** A parameter in a training checkpoint. */
export interface ParameterState {
  name: string
  shape: readonly number[]
  values: Float32Array
  /** Adam's first moment. */
  m: Float32Array
  /** Adam's second moment. */
  v: Float32Array
  /** Moving average of the values, if the set has them. */
  average?: Float32Array
}

/** One buffer of each arena: element i of all is of the same parameter. Padding between parameters is zero. */
export interface ParameterChunk {
  values: Tensor
  gradients: Tensor
  m: Tensor
  v: Tensor
  averages?: Tensor
  /** Whether weight decay shrinks the values. */
  decays: boolean
  /** Their learning rate as a multiple of the optimiser's. */
  rate: number
}

interface Place {
  tensor: Tensor
  chunk: number
  /** Elements from the chunk's start. */
  offset: number
}

/** Where a parameter's gradient is: elements start to end (exclusive) of an arena, with the padding behind it. */
export interface GradientRange {
  arena: Tensor
  start: number
  end: number
}

/** Parameters start at multiples of this many elements: 256 bytes, an offset that every GPU adapter can bind. */
const ALIGN = 64

/**
 * Trained parameters on the GPU, with gradients and the moments of Adam.
 * @example
 * const parameters = new ParameterSet(engine, [{ name: 'scale', shape: [2], init: Float32Array.of(1, 1) }])
 * const [{ name, values }] = await parameters.download()
 * parameters.release()
 */
export class ParameterSet {
  readonly chunks: ParameterChunk[]
  private readonly places = new Map<string, Place>()

  /**
   * Places and uploads the parameters.
   * @param maxBytes largest size of a buffer, the GPU adapter's largest binding by default; no parameter spans two
   * buffers
   * @param averaged true if the values have moving averages, which start at the initial values
   * @throws Error if a parameter is larger, a name occurs twice, a shape does not fit its values, or there are no
   * parameters
   */
  constructor(
    readonly engine: Engine,
    specs: readonly ParameterSpec[],
    maxBytes = engine.maxBinding,
    readonly averaged = false,
  ) {
    if (!specs.length) throw new Error('there is nothing to train: no parameters were given')
    const limit = Math.floor(maxBytes / 4 / ALIGN) * ALIGN
    const chunks: ({ length: number } & Pick<ParameterChunk, 'decays' | 'rate'>)[] = []
    const names = new Set<string>()
    const planned = specs.map(({ name, shape, init, decays = true, rate = 1 }) => {
      if (names.has(name)) throw new Error(`two parameters are named ${name}`)
      names.add(name)
      const size = sizeOf(shape)
      if (init.length !== size)
        throw new Error(`${name} [${shape.join(', ')}] takes ${size} values, got ${init.length}`)
      const padded = withPadding(size)
      if (padded > limit)
        throw new Error(
          `${name} [${shape.join(', ')}] takes ${size * 4} bytes; this adapter binds at most ${maxBytes} at once`,
        )
      let last = chunks.at(-1)
      if (!last || last.length + padded > limit || decays !== last.decays || rate !== last.rate)
        chunks.push((last = { length: 0, decays, rate }))
      const offset = last.length
      last.length += padded
      return { chunk: chunks.length - 1, offset }
    })
    const arena = (kind: TensorKind, label: string, i: number) =>
      engine.persistent(kind, `${label} ${i}`, [chunks[i].length])
    this.chunks = chunks.map(({ decays, rate }, i) => ({
      decays,
      rate,
      values: arena('adapter', 'parameters', i),
      gradients: arena('gradient', 'gradients', i),
      m: arena('optimizer', 'first moments', i),
      v: arena('optimizer', 'second moments', i),
      ...(averaged && { averages: arena('optimizer', 'averages', i) }),
    }))
    specs.forEach(({ name, shape, init }, i) => {
      const { chunk, offset } = planned[i]
      const { values, gradients, averages } = this.chunks[chunk]
      const tensor = view(values, offset, name, shape)
      tensor.requiresGrad = true
      tensor.grad = view(gradients, offset, `${name}: gradient`, shape)
      this.places.set(name, { tensor, chunk, offset })
      engine.write(tensor, init)
      if (averages) engine.write(view(averages, offset, name, shape), init)
    })
  }

  get names(): string[] {
    return [...this.places.keys()]
  }

  /** The number of elements of all parameters. */
  get count(): number {
    return [...this.places.values()].reduce((sum, { tensor }) => sum + tensor.size, 0)
  }

  /** A parameter; `grad` is its gradient. @throws Error if there is none of this name */
  get(name: string): Tensor {
    return this.place(name).tensor
  }

  /** The name of the parameter that has element `index`, counted through all chunks. @throws Error if there is none */
  nameAt(index: number): string {
    let start = 0
    const starts = this.chunks.map(({ values }) => (start += values.size) - values.size)
    for (const [name, { tensor, chunk, offset }] of this.places) {
      const first = starts[chunk] + offset
      if (index >= first && index < first + tensor.size) return name
    }
    throw new Error(`there is no parameter with element ${index}`)
  }

  private place(name: string): Place {
    const place = this.places.get(name)
    if (!place) throw new Error(`there is no parameter ${name}`)
    return place
  }

  /** Of every parameter, in the order of the specs. Together they are all elements of the gradients. */
  gradientRanges(): GradientRange[] {
    return [...this.places.values()].map(({ tensor, chunk, offset }) => ({
      arena: this.chunks[chunk].gradients,
      start: offset,
      end: offset + withPadding(tensor.size),
    }))
  }

  /**
   * Records setting all gradients to zero. A step starts with it, because gradients of parameters always accumulate.
   */
  zeroGradients(g: Graph): void {
    for (const { gradients } of this.chunks) fill(g, gradients, 0)
  }

  /** Reads values, moments and averages back, in the order of the specs. */
  async download(): Promise<ParameterState[]> {
    const states: ParameterState[] = []
    for (const [i, chunk] of this.chunks.entries()) {
      const { engine } = this
      const arenas = {
        values: await engine.read(chunk.values),
        m: await engine.read(chunk.m),
        v: await engine.read(chunk.v),
      }
      const averages = chunk.averages && (await engine.read(chunk.averages))
      for (const [name, { tensor, chunk: mine, offset }] of this.places) {
        if (mine !== i) continue
        const part = (data: Float32Array) => data.slice(offset, offset + tensor.size)
        const average = averages && { average: part(averages) }
        const { values, m, v } = arenas
        states.push({ name, shape: tensor.shape, values: part(values), m: part(m), v: part(v), ...average })
      }
    }
    return states
  }

  /**
   * Writes values, moments and averages from a checkpoint.
   * @throws Error, with nothing written, unless the states are of exactly the set's parameters, in their shapes, and have
   * averages exactly if the set has
   */
  upload(states: readonly ParameterState[]): void {
    const given = new Set<string>()
    for (const { name, shape, values, m, v, average } of states) {
      const { tensor } = this.place(name)
      if (given.has(name)) throw new Error(`the parameter ${name} comes twice`)
      given.add(name)
      const same = shape.length === tensor.shape.length && shape.every((d, i) => d === tensor.shape[i])
      if (!same) throw new Error(`the parameter ${name} is [${tensor.shape.join(', ')}], not [${shape.join(', ')}]`)
      if ([values, m, v, average ?? values].some(({ length }) => length !== tensor.size))
        throw new Error(`the parameter ${name} needs ${tensor.size} values and as many moments`)
      if (!!average !== this.averaged)
        throw new Error(
          `the parameter ${name} ${average ? 'has an average, which is not wanted' : 'needs its average'}`,
        )
    }
    const missing = this.names.filter((name) => !given.has(name))
    if (missing.length) throw new Error(`parameters are missing: ${missing.join(', ')}`)
    for (const { name, shape, values, m, v, average } of states) {
      const { tensor, chunk, offset } = this.place(name)
      this.engine.write(tensor, values)
      this.engine.write(view(this.chunks[chunk].m, offset, name, shape), m)
      this.engine.write(view(this.chunks[chunk].v, offset, name, shape), v)
      if (average) this.engine.write(view(this.chunks[chunk].averages!, offset, name, shape), average)
    }
  }

  /** Frees the buffers; the parameters' tensors cannot be used afterwards. */
  release(): void {
    for (const { values, gradients, m, v, averages } of this.chunks) {
      for (const tensor of [values, gradients, m, v, averages]) if (tensor) this.engine.release(tensor)
    }
    for (const { tensor } of this.places.values()) tensor.storage.buffer = tensor.grad!.storage.buffer = null
  }
}

const withPadding = (size: number): number => Math.ceil(size / ALIGN) * ALIGN

/** A range of an arena as a tensor with a label and a shape. */
function view(arena: Tensor, offset: number, label: string, shape: readonly number[]): Tensor {
  const { kind, buffer } = arena.storage
  return new Tensor({ kind, label, bytes: sizeOf(shape) * 4, buffer, offset: offset * 4 }, [...shape])
}
