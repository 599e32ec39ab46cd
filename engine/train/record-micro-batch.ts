/** @file Records the forward pass, the losses and the backward pass of a micro-batch in one graph. */
import { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import type { FiniteGuard } from '../ops/finite-guard'
import { type Emphasis, headLoss } from '../ops/head-loss'
import { addProduct, scale } from '../ops/pointwise'
import { byteImageShape } from '../ops/preprocess'
import type { SamModel } from '../sam/sam-model'
import { recomputeNothing, recomputing } from '../sam/recomputation'
import { countFrozenParts } from './frozen-parts'
import type { LOSS_TERMS, StepConfig } from './micro-batch'
import { type Inspect, type PromptInputs, promptGroups, recordPrompts, unitInput } from './record-prompts'

/**
 * The centres of particles cover little of an image, so a cell at a centre weighs five times as much as one without. The
 * other maps are probabilities and fractions of which every cell is alike.
 */
const HEAD_EMPHASIS: Emphasis = [0, 4, 0]

/** The tensors that the host writes before each run, by the names of their data: those of prompts for each group of them. */
export interface MicroBatchInputs extends Partial<
  Record<'images' | 'sizes' | 'features' | 'headTargets' | 'imageShare', Tensor>
> {
  place: Tensor
  groups: PromptInputs[]
}

/** The number of tensors that a FiniteGuard of a micro-batch looks at, at most. */
export const inspectedTensors = (config: StepConfig): number =>
  // pixels or features, the encoder's output, targets and output of the prompt head; targets, logits and IoU of each group
  4 + 3 * promptGroups(config.microBatch * config.prompts, config)

/**
 * Records the forward and backward pass of a micro-batch. Every run adds the loss to `loss` (1) and its terms to
 * `parts` ((1) each; those of the IoU head and of the prompt head with their weights), and gradients to those of the
 * parameters; `guard` looks at what goes in and at what comes out.
 * @throws Error if something in the parts to leave out trains, or the prompt head is missing
 */
export function recordMicroBatch(
  model: SamModel,
  config: StepConfig,
  loss: Tensor,
  parts: Readonly<Record<(typeof LOSS_TERMS)[number], Tensor>>,
  guard: FiniteGuard,
): { g: Graph; inputs: MicroBatchInputs } {
  const { microBatch, recompute = recomputeNothing, storage, frozen = 0 } = config
  if (frozen && frozen > countFrozenParts(model))
    throw new Error(
      `the first ${frozen} parts of the encoder cannot be left out of the step, because something in them trains`,
    )
  const all = microBatch * config.prompts
  const g = new Graph(model.engine, true, { recompute: recomputing(recompute), storage })
  const bytes = config.inputs === 'bytes'
  const place = g.input('place of the micro-batch in the step', [1])
  const inspect: Inspect = (x, ...what) => guard.inspect(g, x, place, ...what)
  const { encoded, inputs } = frozen
    ? encodeRest(g, model, microBatch, frozen, inspect)
    : encode(g, model, microBatch, bytes, inspect)
  inspect(encoded, 'activation', microBatch, 'the output of the image encoder for image')
  const t: MicroBatchInputs = { ...inputs, place, groups: [] }
  const groups = promptGroups(all, config)
  const prompts = all / groups
  const recordGroup = (i: number) => {
    const inspect: Inspect = (x, ...what) => guard.inspect(g, x, place, ...what, { first: i * prompts, all })
    const group = recordPrompts(g, model, { config, encoded, prompts, loss, parts, inspect })
    t.groups.push(group.inputs)
    return [group.mean, group.inputs.share] as const
  }
  const last = groups - 1
  for (let i = 0; i < last; i++) g.withBackward(() => recordGroup(i))
  const [mean, share] = recordGroup(last)
  if (config.loss.head)
    recordHead(g, model, {
      encoded,
      images: microBatch,
      weight: config.loss.head,
      bytes,
      t,
      loss,
      part: parts.head,
      inspect,
    })
  g.backward(mean, share)
  return { g, inputs: t }
}

interface HeadRecording {
  encoded: Tensor
  images: number
  weight: number
  bytes: boolean
  t: MicroBatchInputs
  loss: Tensor
  part: Tensor
  inspect: Inspect
}

/**
 * Records the prompt head and its loss, whose gradient joins the backward pass that follows. Its share of the step is that of
 * the images, not of the prompts, because it looks at whole images.
 */
function recordHead(
  g: Graph,
  model: SamModel,
  { encoded, images, weight, bytes, t, loss, part, inspect }: HeadRecording,
): void {
  if (!model.promptHead) throw new Error('the model has no prompt head to train')
  const { input, numbers: targets } = unitInput(
    g,
    'targets of the prompt head',
    [images * model.maskSide ** 2, 3],
    bytes,
  )
  t.headTargets = input
  t.imageShare = g.input('share of the images', [1])
  if (!bytes) inspect(t.headTargets, 'input', images, 'targets of the prompt head for image')
  const logits = model.promptHead.record(g, encoded, model.side)
  inspect(logits, 'activation', images, 'the output of the prompt head for image')
  const own = scale(g, headLoss(g, { logits, targets, images, emphasis: HEAD_EMPHASIS }), weight)
  for (const tensor of [loss, part]) addProduct(g, own, t.imageShare, { tensor, accumulate: 1 })
  g.seed([[own, t.imageShare]])
}

/** The whole encoder, from images. */
function encode(g: Graph, model: SamModel, images: number, bytes: boolean, inspect: Inspect) {
  const { inputSize: size } = model
  const shape = bytes ? byteImageShape(images, size) : [images, size, size, 3]
  const inputs = { images: g.input('images', shape), sizes: g.input('valid sizes', [images, 2]) }
  // bytes are always finite
  if (!bytes) inspect(inputs.images, 'input', images, 'pixels of image')
  return { inputs, encoded: model.encode(g, inputs.images, inputs.sizes) }
}

/** The encoder without its first `frozen` parts, from features. */
function encodeRest(g: Graph, model: SamModel, images: number, frozen: number, inspect: Inspect) {
  const features = g.input('features', model.featureShape(frozen, images))
  inspect(features, 'input', images, 'features of image')
  return { inputs: { features }, encoded: model.encodeFrom(g, features, frozen) }
}
