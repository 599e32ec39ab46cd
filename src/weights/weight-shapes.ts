/** @file A model's architecture and the shapes of its weights without their values, as needed to plan a training step. */
import type { Architecture, VitArchitecture } from '../../engine/sam/architecture'
import type { ModelShapes } from '../../engine/finetune/memory-planner'
import { shapesOfArchitecture, zeroWeights } from '../../engine/finetune/plan-training'
import { UserError } from '../host/errors'
import { inferArchitecture, validateCheckpoint } from './architecture'
import { openCheckpoint } from './checkpoint'
import { locateModel } from './locate-model'

/** A ViT of SAM with the sizes that all published models share. */
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

/** Architectures of the large named models, so that a step can be planned before gigabytes are downloaded. */
export const publishedArchitectures: Readonly<Record<string, Architecture>> = {
  sam_vit_b: vit(768, 12, 12, [2, 5, 8, 11]),
  sam_vit_l: vit(1024, 24, 16, [5, 11, 17, 23]),
  sam_vit_h: vit(1280, 32, 16, [7, 15, 23, 31]),
}

/**
 * Architecture and shapes of a named model or a checkpoint, from its file. If a large named model is not in the cache and `fetch` is false, its published architecture is used.
 * @throws UserError if the file does not exist or cannot be read
 */
export async function modelShapes(model: string, config: unknown, { fetch = false } = {}): Promise<ModelShapes> {
  const path = await locateModel(model, fetch).catch((error: Error) => {
    if (error instanceof UserError && Object.hasOwn(publishedArchitectures, model)) return null
    throw error
  })
  if (path === null) return shapesOfArchitecture(publishedArchitectures[model])
  const checkpoint = await openCheckpoint(path)
  try {
    const architecture = inferArchitecture(checkpoint, config)
    validateCheckpoint(checkpoint, architecture)
    const shapes = new Map([...checkpoint.tensors].map(([name, { shape }]) => [name, shape]))
    return { architecture, source: { ...zeroWeights(shapes), profile: checkpoint.profile } }
  } finally {
    await checkpoint.close()
  }
}
