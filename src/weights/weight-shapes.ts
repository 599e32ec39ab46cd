/** @file A model's architecture and its weights' shapes, without their values: what planning a step needs. */
import type { Architecture, VitArchitecture } from '../../engine/sam/architecture'
import type { WeightSource } from '../../engine/sam/weights'
import { UserError } from '../host/errors'
import { expectedTensors, inferArchitecture, validateCheckpoint } from './architecture'
import { openCheckpoint } from './checkpoint'
import { locateModel } from './locate-model'

export interface ModelShapes {
  architecture: Architecture
  /** Zeros of the weights' shapes. */
  source: WeightSource
}

const vit = (dim: number, depth: number, heads: number, globalBlocks: number[]): VitArchitecture => ({
  kind: 'vit',
  imageSize: 1024,
  patch: 16,
  dim,
  depth,
  heads,
  mlpDim: 4 * dim,
  window: 14,
  globalBlocks,
  outChannels: 256,
  decoder: { dim: 256, depth: 2, heads: 8, mlpDim: 2048 },
})

/** Of the large named models, so that a step can be planned before a file of gigabytes is fetched. */
export const publishedArchitectures: Readonly<Record<string, Architecture>> = {
  sam_vit_b: vit(768, 12, 12, [2, 5, 8, 11]),
  sam_vit_l: vit(1024, 24, 16, [5, 11, 17, 23]),
  sam_vit_h: vit(1280, 32, 16, [7, 15, 23, 31]),
}

/**
 * What a named model or a checkpoint is, from its file; without `fetch`, a large named model that is not in the cache is
 * taken as it was published. @throws UserError where the file is not there or cannot be read
 */
export async function modelShapes(model: string, config: unknown, { fetch }: { fetch: boolean }): Promise<ModelShapes> {
  const path = await locateModel(model, fetch).catch((error: Error) => {
    if (error instanceof UserError && Object.hasOwn(publishedArchitectures, model)) return null
    throw error
  })
  if (path === null) return shapesOfArchitecture(publishedArchitectures[model])
  const checkpoint = await openCheckpoint(path)
  try {
    const architecture = inferArchitecture(checkpoint, config)
    validateCheckpoint(checkpoint, architecture)
    return { architecture, source: zeros(new Map([...checkpoint.tensors].map(([name, { shape }]) => [name, shape]))) }
  } finally {
    await checkpoint.close()
  }
}

/** Those of an architecture, with the public models' widths where it leaves them open. */
export const shapesOfArchitecture = (architecture: Architecture): ModelShapes => ({
  architecture,
  source: zeros(expectedTensors(architecture)),
})

const zeros = (shapes: ReadonlyMap<string, number[]>): WeightSource => ({
  has: (name) => shapes.has(name),
  read: async (name) => {
    const shape = shapes.get(name)
    if (!shape) throw new Error(`no tensor ${name}`)
    return { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }
  },
})
