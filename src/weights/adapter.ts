/** @file Checks that an adapter fits a model, and reads the matrices of its targets. */
import { type AnyAdapter, isDifference, type LoraPair, partOf, targetsOf } from '../../engine/train/adapter'
import type { Architecture } from '../../engine/sam/architecture'
import { UserError } from '../host/errors'
import { expectedTensors } from './expected-tensors'
import { type TensorEntry, shapeText } from './tensor-file'

/**
 * Checks that an adapter of either kind belongs to a model.
 * @param asked the model that was asked for, by name or path, for messages
 * @throws UserError that names `path` and the target that does not fit
 */
export function validateAdapter(path: string, adapter: AnyAdapter, architecture: Architecture, asked?: string): void {
  const shapes = expectedTensors(architecture)
  const trained = adapter.config.base_model_name_or_path
  const other =
    trained && trained !== asked ? `it was trained on ${trained}${asked ? `, and ${asked} was asked for` : ''}: ` : ''
  const blocks = isDifference(adapter) ? undefined : adapter.blocks
  const depth = 'depth' in architecture ? architecture.depth : undefined
  if (blocks !== undefined && blocks !== depth)
    throw new UserError(
      `${path}: it has matrices for ${blocks} blocks, which it does not name, and this model has ${depth ?? 'no such blocks'}: ` +
        'of which ones they are is not known. Save it with those of all blocks, zeros where there are none',
    )
  for (const [target, { inDim, outDim }] of targetsOf(adapter)) {
    const part = partOf(target)
    const shape = shapes.get(`${part?.layer ?? target}.weight`)
    if (!shape) throw new UserError(`${path}: ${other}it adapts ${target}, which this model does not have`)
    const rows = part ? shape[0] / 3 : shape[0]
    if (outDim !== rows || inDim !== shape[1])
      throw new UserError(
        `${path}: ${other}${target} is of ${outDim} x ${inDim}, in this model of ${rows} x ${shape[1]}`,
      )
  }
}

/** Reads A and B of one target. @throws UserError if their shapes do not fit or a number is not finite */
export async function readPair(path: string, a: TensorEntry, b: TensorEntry): Promise<LoraPair> {
  if (a.shape.length !== 2 || b.shape.length !== 2 || a.shape[0] !== b.shape[1] || !a.shape[0])
    throw new UserError(
      `${path}: ${a.name} ${shapeText(a.shape)} and ${b.name} ${shapeText(b.shape)} are not a LoRA pair`,
    )
  const [A, B] = [await a.read(), await b.read()]
  for (const [entry, data] of [
    [a, A],
    [b, B],
  ] as const)
    if (!data.every(Number.isFinite))
      throw new UserError(`${path}: tensor ${entry.name} holds numbers that are not finite`)
  return { A, B, r: a.shape[0], inDim: a.shape[1], outDim: b.shape[0] }
}
