/** @file Checks that an adapter fits a model, and reads the matrices of its targets. */
import { type Adapter, type LoraPair, partOf } from '../../engine/train/adapter'
import type { Architecture } from '../../engine/sam/architecture'
import { UserError } from '../host/errors'
import { expectedTensors } from './expected-tensors'
import { type TensorEntry, shapeText } from './tensor-file'

/** @throws UserError that names `path` and the target if the adapter belongs to another model */
export const validateAdapter = (path: string, { tensors }: Adapter, architecture: Architecture): void =>
  validateTargets(path, tensors.targets, architecture)

/** The model of an adapter and the one that was asked for, by name or path, as far as they are known. */
export interface ModelNames {
  trained?: string | null
  asked?: string
}

/** validateAdapter for the shapes of the targets of either kind of adapter. @throws UserError as validateAdapter */
export function validateTargets(
  path: string,
  targets: ReadonlyMap<string, { inDim: number; outDim: number }>,
  architecture: Architecture,
  { trained, asked }: ModelNames = {},
): void {
  const shapes = expectedTensors(architecture)
  const other =
    trained && trained !== asked ? `it was trained on ${trained}${asked ? `, and ${asked} was asked for` : ''}: ` : ''
  for (const [target, { inDim, outDim }] of targets) {
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
