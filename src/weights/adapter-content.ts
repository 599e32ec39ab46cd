/** @file An adapter with what belongs to it, and the check that it fits a model. It runs in any host. */
import type { Architecture } from '../../engine/sam/architecture'
import { type HeadTensor, promptHeadShapes } from '../../engine/sam/prompt-head'
import { type AnyAdapter } from '../../engine/train/adapter'
import { UserError } from '../host/errors'
import { validateAdapter } from './adapter'
import type { AdapterProfile } from './adapter-profile-format'
import { sameShape, shapeText } from './tensor-file'

/** An adapter and what is kept beside its matrices: what `openAdapter` returns and `adapterFiles` takes. */
export interface AdapterContent {
  /** Names it in messages; 'the adapter' by default. */
  name?: string
  /** LoRA matrices, or differences of fully tuned matrices; as `train` returns it. */
  adapter: AnyAdapter
  /** The tensors of its prompt head, in PyTorch's layout; none if it has no head. */
  head?: readonly HeadTensor[]
  /** What it knows about itself: input size, particle sizes, thresholds, calibration, strength. */
  profile?: AdapterProfile
}

/**
 * Checks that an adapter belongs to a model.
 * @param asked the name of the model, for messages
 * @throws UserError that names the target that does not fit
 */
export function checkContent(
  { name = 'the adapter', adapter, head = [] }: AdapterContent,
  architecture: Architecture,
  asked?: string,
): void {
  validateAdapter(name, adapter, architecture, asked)
  if (!head.length) return
  const found = new Map(head.map((tensor) => [tensor.name, tensor.shape]))
  for (const [tensor, shape] of promptHeadShapes(architecture.outChannels, (of) => found.get(of))) {
    const own = found.get(tensor)
    if (!own || !sameShape(own, shape))
      throw new UserError(
        `${name}: not the prompt head of this model: ${tensor} ${own ? `has the shape ${shapeText(own)} instead of ${shapeText(shape)}` : 'is missing'}`,
      )
  }
}
