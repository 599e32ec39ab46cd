/** @file Loads named tensors of a checkpoint into GPU memory, one at a time, in the layouts the kernels read. */
import type { Engine } from '../device/engine'
import type { StorageType, Tensor } from '../device/tensor'
import type { Linear } from '../ops/linear'
import { toConvWeight } from '../ops/patches'

/** Where weights come from: any host's reader of checkpoints, by the public reference's names. */
export interface WeightSource {
  /** Throws where the tensor is missing. */
  read(name: string): Promise<{ shape: number[]; data: Float32Array }>
  has(name: string): boolean
}

type Prepare = (data: Float32Array, shape: number[]) => { shape: number[]; data: Float32Array }

export class WeightLoader {
  /** Linear layers by their path in the checkpoint: what adapters attach to. */
  readonly linears = new Map<string, Linear>()
  private readonly owned: Tensor[] = []

  constructor(
    private readonly engine: Engine,
    private readonly source: WeightSource,
    /** How the matrices of linear layers and convolutions are stored. */
    private readonly storage: StorageType = 'f32',
  ) {}

  has(name: string): boolean {
    return this.source.has(name)
  }

  async tensor(name: string, prepare: Prepare = (data, shape) => ({ data, shape }), storage?: StorageType) {
    const raw = await this.source.read(name)
    const { shape, data } = prepare(raw.data, raw.shape)
    return this.upload(name, shape, data, storage)
  }

  /** Several tensors, one below the other. */
  async concat(names: readonly string[], shape: number[]): Promise<Tensor> {
    const parts: Float32Array[] = []
    for (const name of names) parts.push((await this.source.read(name)).data)
    const data = new Float32Array(parts.reduce((sum, p) => sum + p.length, 0))
    parts.reduce((at, p) => (data.set(p, at), at + p.length), 0)
    return this.upload(names[0], shape, data)
  }

  upload(name: string, shape: number[], data: Float32Array, storage?: StorageType): Tensor {
    const tensor = this.engine.weight(name, shape, data, storage)
    this.owned.push(tensor)
    return tensor
  }

  /** `path.weight` as (out, everything else), and `path.bias` where the checkpoint has it. */
  async linear(path: string, prepare?: Prepare): Promise<Linear> {
    const flat: Prepare = (data, shape) => ({ data, shape: [shape[0], data.length / shape[0]] })
    const weight = await this.tensor(`${path}.weight`, prepare ?? flat, this.storage)
    const bias = this.has(`${path}.bias`)
      ? await this.tensor(`${path}.bias`, prepare && ((d, s) => prepare(d, s)))
      : null
    const linear: Linear = { weight, bias, lora: null }
    this.linears.set(path, linear)
    return linear
  }

  /** A convolution as the product of unfolded patches: weight (out, kh·kw·in). */
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

  /** Scale and shift of a LayerNorm or LayerNorm2d. */
  async norm(path: string): Promise<Norm> {
    return { gamma: await this.tensor(`${path}.weight`), beta: await this.tensor(`${path}.bias`) }
  }

  release(): void {
    for (const tensor of this.owned) this.engine.release(tensor)
  }
}

export interface Norm {
  gamma: Tensor
  beta: Tensor
}
