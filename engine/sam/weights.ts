/**
 * @file Loads the named tensors of a checkpoint into GPU memory, one at a time, in the layouts that the kernels read.
 */
import type { Engine } from '../device/engine'
import { firstNonFinite, NonFiniteError } from '../device/non-finite-error'
import type { StorageType, Tensor } from '../device/tensor'
import type { Linear } from '../ops/linear'
import { toConvWeight } from '../ops/patches'
import type { AdapterProfile } from '../train/adapter-profile'
import type { ShapeCheck } from './shape-check'

/**
 * A host's reader of a checkpoint. Names and layouts are those of the reference implementation (for TinyViT:
 * MobileSAM's, with every BatchNorm folded into its convolution).
 */
export interface WeightSource {
  /** @throws Error if the tensor is missing */
  read(name: string): Promise<{ shape: number[]; data: Float32Array }>
  /** True if the checkpoint has the tensor. */
  has(name: string): boolean
  /** True if `read` checks that all values are finite; otherwise they are checked when they are loaded. */
  readonly checked?: boolean
  /** What the weights know about themselves, if an adapter that knew it was merged into them. */
  readonly profile?: AdapterProfile
}

/** Changes a tensor's layout before it is uploaded. */
type Prepare = (data: Float32Array, shape: number[]) => { shape: number[]; data: Float32Array }

export interface WeightLoaderOptions {
  /** How the matrices of linear layers and convolutions are stored; f32 by default. */
  storage?: StorageType
  /** Checked before each tensor. */
  signal?: AbortSignal
  /** Called with each tensor that was read, and its bytes. */
  onTensor?(name: string, bytes: number): void
  /** Checks the shape of each tensor, and the number of its values. */
  shapes?: ShapeCheck
}

export class WeightLoader {
  /** Linear layers and convolutions by their path in the checkpoint. Adapters attach to the linear ones. */
  readonly linears = new Map<string, Linear>()
  private readonly owned: Tensor[] = []

  constructor(
    private readonly engine: Engine,
    private readonly source: WeightSource,
    private readonly options: WeightLoaderOptions = {},
  ) {}

  has(name: string): boolean {
    return this.source.has(name)
  }

  /**
   * @throws Error if the tensor is missing · SettingError if it has another shape than the architecture says · NonFiniteError if a
   * value is not finite · the signal's reason if it aborted
   */
  private async read(name: string) {
    this.options.signal?.throwIfAborted()
    const raw = await this.source.read(name)
    this.options.shapes?.check(name, raw.shape, raw.data.length)
    this.options.onTensor?.(name, raw.data.byteLength)
    const bad = this.source.checked ? -1 : firstNonFinite(raw.data)
    if (bad >= 0)
      throw new NonFiniteError(`weight ${name}: element ${bad} is ${raw.data[bad]}: the weights are damaged`)
    return raw
  }

  /** @throws Error as `read` */
  async tensor(name: string, prepare: Prepare = (data, shape) => ({ data, shape }), storage?: StorageType) {
    const raw = await this.read(name)
    const { shape, data } = prepare(raw.data, raw.shape)
    return this.upload(name, shape, data, storage)
  }

  /** Several tensors as one of `shape`, one below the other. */
  async concat(names: readonly string[], shape: number[]): Promise<Tensor> {
    const parts: Float32Array[] = []
    for (const name of names) parts.push((await this.read(name)).data)
    const data = new Float32Array(parts.reduce((sum, p) => sum + p.length, 0))
    parts.reduce((at, p) => (data.set(p, at), at + p.length), 0)
    return this.upload(names[0], shape, data)
  }

  upload(name: string, shape: number[], data: Float32Array, storage?: StorageType): Tensor {
    const tensor = this.engine.weight(name, shape, data, storage)
    this.owned.push(tensor)
    return tensor
  }

  /** `PATH.weight` as (out, product of its other dimensions), and `PATH.bias` if the checkpoint has it. */
  async linear(path: string, prepare?: Prepare): Promise<Linear> {
    const flat: Prepare = (data, shape) => ({ data, shape: [shape[0], data.length / shape[0]] })
    const weight = await this.tensor(`${path}.weight`, prepare ?? flat, this.options.storage)
    const bias = this.has(`${path}.bias`)
      ? await this.tensor(`${path}.bias`, prepare && ((d, s) => prepare(d, s)))
      : null
    const linear: Linear = { weight, bias, lora: null }
    this.linears.set(path, linear)
    return linear
  }

  /** A convolution as a matrix product with unfolded patches: weight (out, kh·kw·in). */
  convolution(path: string): Promise<Linear> {
    return this.linear(path, (data, shape) =>
      shape.length === 1
        ? { data, shape }
        : {
            data: toConvWeight(data, shape as [number, number, number, number]),
            shape: [shape[0], data.length / shape[0]],
          },
    )
  }

  /** Scale and shift (channels) of a LayerNorm or LayerNorm2d. */
  async norm(path: string): Promise<Norm> {
    return { gamma: await this.tensor(`${path}.weight`), beta: await this.tensor(`${path}.bias`) }
  }

  /** Frees all that was uploaded. */
  release(): void {
    for (const tensor of this.owned) this.engine.release(tensor)
  }
}

/** Scale and shift of a layer norm, (channels) each. */
export interface Norm {
  gamma: Tensor
  beta: Tensor
}
