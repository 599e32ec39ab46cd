/** @file Turns an image with labels into the inputs of a training step: resized pixels, prompts and targets. */
import { promptLabel } from '../sam/prompt-labels'
import { promptHeadTargets } from '../image/prompt-head-targets'
import { labelTargets } from '../image/training-targets'
import { toModelBytes } from '../image/model-input'
import type { InstanceBox } from '../image/label-map'
import { MIN_INSTANCE_AREA, type PromptKind, promptSlots, samplePrompts } from '../train/sample-prompts'
import type { Rng } from '../rng'
import { maskSupervision } from '../ops/mask-loss'
import { toUnitBytes } from '../ops/unit-bytes'
import type { MicroBatch } from '../train/training-step'
import { augment, type AugmentOptions } from '../augment/augment'
import { autoMagnification, type SizeRange, WHOLE_SHARE } from '../augment/auto-magnification'
import { boundMagnification, type Magnification, particleStatistics } from '../augment/magnification'
import { boxes } from '../masks/instances'
import type { Sample } from '../image/sample'
import { type ExampleRecipe, inputSize } from './recipe'

/** The part of a micro-batch that belongs to one image. S is the input side. */
export interface Example {
  /** (S, S, 3). */
  image: Uint8Array
  /** Valid height and width. */
  size: [number, number]
  /** (prompts, slots, 2) and (prompts, slots). */
  coords: Float32Array
  labels: Int32Array
  /** (prompts, maskSide²), see toUnitBytes. */
  targets: Uint8Array
  /** (prompts). */
  supervision: Uint32Array
  /** (prompts), if small instances weigh more; see `loss.small`. */
  weights?: Float32Array
  /** (maskSide², 3), see toUnitBytes; if the prompt head trains. */
  headTargets?: Uint8Array
}

/**
 * The mask output that each kind of prompt supervises. A point is ambiguous (a part, a particle or a clump): the best of
 * the three masks is trained, as in SAM, so that the mask generator keeps three masks to choose from. A box is not
 * ambiguous: the single mask is trained.
 */
const SUPERVISED: Record<PromptKind, number> = {
  point: maskSupervision.best,
  box: maskSupervision.single,
  both: maskSupervision.single,
}

/** Prompt entries (points, box corners) that the configured kinds of prompts need: the same in every step. */
export const slotsOf = ({ prompts: { point, box, both } }: Pick<ExampleRecipe, 'prompts'>): number =>
  promptSlots({ point, box, both })

/** How views are magnified. Unless crops or zooming out are configured, by the sizes that occur in the data. */
function magnificationOf({ augment }: Pick<ExampleRecipe, 'augment'>): Magnification | 'auto' | null {
  if (!augment) return null
  const { magnification, crop, zoomOut } = augment === true ? {} : augment
  return magnification ?? (crop === undefined && zoomOut === undefined ? 'auto' : null)
}

/** True if the magnification of views is chosen from the sizes of the particles in the training images. */
export const magnifiesByData = (config: ExampleRecipe): boolean => magnificationOf(config) === 'auto'

/** The views of a sample, as options of its augmentation. */
function augmentOptions(sample: Sample, rng: Rng, config: ExampleRecipe, sizes: SizeRange | null): AugmentOptions {
  const { magnification: _, ...options } = typeof config.augment === 'object' ? config.augment : {}
  const chosen = magnificationOf(config)
  if (chosen === null) return options
  const size = inputSize(config)
  const { width, height, labels } = sample
  const found = particleStatistics(boxes({ width, height, data: labels }))
  if (chosen !== 'auto') return { ...options, magnification: boundMagnification(chosen, sample, found.diameter, size) }
  const whole = rng.next() < WHOLE_SHARE
  return { ...options, magnification: whole ? [1, 1] : autoMagnification({ ...sample, ...found }, size, sizes) }
}

/** Augmentations that change no sizes. */
const noTones: AugmentOptions = { brightness: 0, contrast: 0, gamma: 0, noise: 0, blur: 0 }

/**
 * A random variant of a sample, as the configuration says.
 * @param sizes the usual particle sizes of the training images; null for a sample that is not one of them, such as a scene
 * @param tones false if only its geometry is to change, which is faster
 */
export function variantOf(
  sample: Sample,
  rng: Rng,
  config: ExampleRecipe,
  sizes: SizeRange | null = null,
  tones = true,
): Sample {
  if (!config.augment) return sample
  const options = augmentOptions(sample, rng, config, sizes)
  return augment(sample, rng, tones ? options : { ...options, ...noTones })
}

/**
 * An image with fewer instances than prompts, such as a magnified view, has each prompted this many times at most, by other
 * prompts: the decoder's work is done in any case.
 */
const MOST_PROMPTS = 3

/**
 * Makes an example from a sample: a random variant of it and random prompts, all from `rng`. Instances are prompted again only
 * after all have been; prompts beyond MOST_PROMPTS for each are absent and unsupervised.
 * @param sizes see variantOf
 */
export function makeExample(sample: Sample, rng: Rng, config: ExampleRecipe, sizes: SizeRange | null = null): Example {
  const size = inputSize(config)
  const { count, point, box, both, minArea } = config.prompts
  const varied = variantOf(sample, rng, config, sizes)
  const { width, height } = varied
  const labels = { width, height, data: varied.labels }
  const instances = boxes(labels)
  const prompts = samplePrompts(labels, instances, rng, { count, size, mix: { point, box, both }, minArea })
  const { data, valid } = toModelBytes(varied.rgb, width, height, size)

  const { slots } = prompts
  const used = Math.min(count, MOST_PROMPTS * Math.max(1, instances.length - prompts.skipped))
  prompts.coords.fill(0, used * slots * 2)
  prompts.labels.fill(promptLabel.absent, used * slots)
  // the models that are trained have masks of a quarter of the input, see planRun
  const lowRes = size / 4
  const targets = new Uint8Array(count * lowRes * lowRes)
  targets.set(toUnitBytes(labelTargets(labels, prompts.ids.subarray(0, used), size, lowRes)))
  const { small } = config.loss
  return {
    image: data,
    size: [valid.height, valid.width],
    coords: prompts.coords,
    labels: prompts.labels,
    targets,
    supervision: Uint32Array.from(prompts.kinds, (kind, p) => (p < used ? SUPERVISED[kind] : maskSupervision.nothing)),
    ...(small && {
      weights: weightsOf(instances, prompts.ids, (valid.width * valid.height) / (width * height), small),
    }),
    ...(config.head.weight && { headTargets: toUnitBytes(promptHeadTargets(labels, size)) }),
  }
}

/**
 * Weights of instances: their area in pixels of the input to the power of minus `small`, relative to 32 x 32 pixels;
 * at least MIN_INSTANCE_AREA, which is one pixel of the low-resolution mask.
 * `scale` converts areas of the sample to areas of the input.
 */
function weightsOf(instances: readonly InstanceBox[], ids: Uint16Array, scale: number, small: number): Float32Array {
  const areas = new Map(instances.map(({ id, area }) => [id, Math.max(MIN_INSTANCE_AREA, area * scale)]))
  return Float32Array.from(ids, (id) => (areas.get(id)! / 32 ** 2) ** -small)
}

/** Concatenates examples into micro-batches. Their number must be a multiple of `microBatch`. */
export function toMicroBatches(examples: readonly Example[], microBatch: number): MicroBatch<Uint8Array>[] {
  return Array.from({ length: examples.length / microBatch }, (_, i) => {
    const part = examples.slice(i * microBatch, (i + 1) * microBatch)
    const prompts = part[0].supervision.length
    return {
      ...(part[0].weights && { weights: concatenate(Float32Array, part, (e) => e.weights!) }),
      ...(part[0].headTargets && { headTargets: concatenate(Uint8Array, part, (e) => e.headTargets!) }),
      images: concatenate(Uint8Array, part, (e) => e.image),
      sizes: Uint32Array.from(part.flatMap((e) => e.size)),
      coords: concatenate(Float32Array, part, (e) => e.coords),
      labels: concatenate(Int32Array, part, (e) => e.labels),
      imageIndex: Uint32Array.from({ length: part.length * prompts }, (_, p) => Math.floor(p / prompts)),
      targets: concatenate(Uint8Array, part, (e) => e.targets),
      supervision: concatenate(Uint32Array, part, (e) => e.supervision),
    }
  })
}

type Numbers = Float32Array | Int32Array | Uint32Array | Uint8Array

function concatenate<T extends Numbers>(
  kind: new (length: number) => T,
  examples: readonly Example[],
  of: (e: Example) => T,
): T {
  const [first] = examples
  if (examples.length === 1) return of(first)
  const all = new kind(examples.length * of(first).length)
  examples.forEach((example, i) => all.set(of(example), i * of(first).length))
  return all
}
