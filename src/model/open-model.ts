/** @file Opens a model by name or path and puts it on the GPU. */
import type { Engine } from '../../engine/device/engine'
import type { StorageType } from '../../engine/device/tensor'
import { SamModel } from '../../engine/sam/sam-model'
import { inferArchitecture, validateCheckpoint } from '../weights/architecture'
import { openCheckpoint, weightSource } from '../weights/checkpoint'
import { resolveModel } from '../weights/fetch-model'

export interface ModelOptions {
  /** Side of the square input in pixels; the checkpoint's own by default. */
  inputSize?: number
  /** Hyperparameters that cannot be inferred from the shapes of a toy model (a golden file's JSON). */
  config?: unknown
  /** How the large matrices are stored; f32 by default. */
  storage?: StorageType
  /** True if a named model may be downloaded. */
  fetch?: boolean
}

/**
 * @param nameOrPath a named model (`wgsam fetch --list`), or the path of a checkpoint
 * @throws UserError that names the file and the tensor
 */
export async function openModel(engine: Engine, nameOrPath: string, options: ModelOptions = {}): Promise<SamModel> {
  const path = await resolveModel(nameOrPath, { fetch: options.fetch })
  const checkpoint = await openCheckpoint(path)
  try {
    const architecture = inferArchitecture(checkpoint, options.config)
    validateCheckpoint(checkpoint, architecture)
    return await SamModel.load(engine, weightSource(checkpoint), architecture, options.inputSize, options.storage)
  } finally {
    await checkpoint.close()
  }
}
