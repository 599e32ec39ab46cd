/** @file The check of a checkpoint against the tensors of its architecture. */
import type { Architecture } from '../../engine/sam/architecture'
import { hasPromptHead, promptHeadShapes } from '../../engine/sam/prompt-head'
import { expectedTensors } from '../../engine/sam/tensor-shapes'
import { UserError } from '../host/errors'
import type { Checkpoint } from './checkpoint'
import { sameShape, shapeText } from './tensor-file'

export { expectedTensors } from '../../engine/sam/tensor-shapes'

/** Tensors that files may contain and the model does not use: normalisation, TinyViT's classifier, an index. */
const ignored = [
  /^pixel_(mean|std)$/,
  /^image_encoder\.(norm_head|head)\./,
  /\.attention_bias_idxs$/,
  /\.num_batches_tracked$/,
]
/** At most this many problems are listed in an error. */
const MAX_LISTED = 5

/**
 * Checks that a checkpoint contains exactly the tensors of an architecture.
 * @throws UserError naming the file and the first tensors that are missing, unknown or of another shape
 */
export function validateCheckpoint(checkpoint: Checkpoint, architecture: Architecture): void {
  const { path, tensors } = checkpoint
  const expected = expectedTensors(architecture, (name) => tensors.get(name)?.shape[0])
  if (hasPromptHead(tensors)) {
    // a merged adapter's prompt head is optional
    const head = promptHeadShapes(architecture.outChannels, (name) => tensors.get(name)?.shape)
    for (const [name, shape] of head) expected.set(name, shape)
  }
  const problems: string[] = []
  for (const [name, shape] of expected) {
    const entry = tensors.get(name)
    if (!entry) problems.push(`${name} is missing`)
    else if (!sameShape(entry.shape, shape))
      problems.push(`${name} has the shape ${shapeText(entry.shape)} instead of ${shapeText(shape)}`)
  }
  for (const name of tensors.keys())
    if (!expected.has(name) && !ignored.some((pattern) => pattern.test(name)))
      problems.push(`${name} is not part of this model`)
  if (!problems.length) return
  const more = problems.length > MAX_LISTED ? `\n  and ${problems.length - MAX_LISTED} more` : ''
  throw new UserError(`${path}: not the weights of this model:\n  ${problems.slice(0, MAX_LISTED).join('\n  ')}${more}`)
}
