/** @file Every key of a training configuration: its type, its bounds and its default (docs/training.md says what each does). */
import * as v from 'valibot'
import { DEFAULT_PRECISION, PRECISIONS } from '../../engine/device/precision'
import { STORAGES } from '../../engine/device/tensor'
import { MAX_LABEL } from '../../engine/image/label-map'
import { defaultRecipe } from '../../engine/finetune/recipe'
import { LORA_TARGETS } from '../../engine/train/lora'
import { DEFAULT_MODEL } from '../cli/next-command'
import { augmentLimits } from '../../engine/augment/augment'
import { magnificationLimits } from '../../engine/augment/magnification'
import { trackers } from '../tracking/tracker-names'
import { MEMORY, parseBytes } from '../text/byte-size'

const number = (low: number, high: number, what = `a number from ${low} to ${high}`) =>
  v.pipe(v.number(what), v.finite(what), v.minValue(low, what), v.maxValue(high, what))
const above0 = (high: number) => {
  const what = `a number above 0, to ${high}`
  return v.pipe(v.number(what), v.finite(what), v.gtValue(0, what), v.maxValue(high, what))
}
const whole = (low: number, high: number) => {
  const what = `a whole number from ${low} to ${high}`
  return v.pipe(v.number(what), v.integer(what), v.minValue(low, what), v.maxValue(high, what))
}
const flag = v.boolean('true or false')
const name = v.pipe(v.string('a text'), v.minLength(1, 'a text that is not empty'))
const choice = <const T extends readonly string[]>(options: T) => v.picklist(options, `one of ${options.join(', ')}`)
const orNull = <T extends v.GenericSchema, D>(schema: T, preset: D) => v.optional(v.nullable(schema), preset as never)
const preset = <T extends v.GenericSchema, D>(schema: T, value: D) => v.optional(schema, value as never)
/** A nested object of the configuration; by default it has all its defaults. */
const part = <T extends v.ObjectEntries>(entries: T) => preset(v.strictObject(entries, 'an object { … }'), {})

const line = (longest: number) => {
  const what = `a text of 1 to ${longest} characters in one line`
  return v.pipe(v.string(what), v.regex(new RegExp(`^[^\\x00-\\x1f\\x7f]{1,${longest}}$`), what))
}
const PROJECT = 'a name of 1 to 128 characters without / \\ # ? % and :'
const projectName = v.pipe(v.string(PROJECT), v.regex(/^[^/\\#?%:\x00-\x1f\x7f]{1,128}$/, PROJECT))
const HASH = 'the 64 hexadecimal digits of a SHA-256'
const ID = 'up to 64 lower-case letters and digits'

const MAX_STEPS = 1e9
const EPOCHS = "'auto' or a number from 0.001 to 1000000"
/** Rank of LoRA: see docs/training.md for what was measured. */
export const DEFAULT_RANK = defaultRecipe.lora.rank
const RECOMPUTE = `'auto', or { "decoder": true or false, "blocks": number of encoder blocks }`

const strength = (name: keyof typeof augmentLimits) => {
  const [low, high] = augmentLimits[name]
  return v.optional(number(low, high))
}
const MAGNIFICATION = "'auto', or two magnifications, the smaller first"
const magnification = number(...magnificationLimits)
const Augment = v.strictObject({
  flip: v.optional(flag),
  turn: v.optional(flag),
  crop: strength('crop'),
  zoomOut: strength('zoomOut'),
  magnification: v.optional(
    v.union(
      [
        v.literal('auto'),
        v.pipe(
          v.strictTuple([magnification, magnification], MAGNIFICATION),
          v.check(([low, high]) => low <= high, MAGNIFICATION),
        ),
      ],
      MAGNIFICATION,
    ),
  ),
  rotate: strength('rotate'),
  scale: strength('scale'),
  brightness: strength('brightness'),
  contrast: strength('contrast'),
  gamma: strength('gamma'),
  noise: strength('noise'),
  blur: strength('blur'),
})

export const Schema = v.strictObject(
  {
    /** A named model or the path of a checkpoint. modelConfig: JSON file of what the shapes of a toy model do not imply. */
    model: preset(name, DEFAULT_MODEL),
    modelConfig: orNull(name, null),
    /**
     * An adapter whose values the run begins with; null: with a new adapter. fromHash is the SHA-256 of its files (see adapterHash),
     * which the run records.
     */
    from: orNull(name, null),
    fromHash: orNull(v.pipe(v.string(HASH), v.regex(/^[0-9a-f]{64}$/, HASH)), null),
    /** Folders of images/ and masks/, or one folder of images with COCO annotations. */
    data: v.pipe(v.array(name, 'a list of folders'), v.minLength(1, 'at least one folder')),
    coco: orNull(name, null),
    groupBy: orNull(name, null),
    onBad: preset(choice(['refuse', 'skip']), 'refuse'),
    /** Fractions of train, val and test; or a file that lists the images of each. */
    shares: preset(v.strictTuple([number(0, 1), number(0, 1), number(0, 1)], 'three shares'), [0.7, 0.2, 0.1]),
    split: orNull(name, null),
    /** Train on at most this many images of the training part, chosen by the seed; null: on all. */
    images: orNull(whole(1, 1e6), null),
    /** Fraction of the images of a step that are synthetic scenes instead, each a new one. */
    synthetic: preset(number(0, 1), defaultRecipe.synthetic),
    /** Input side, pixels; null: the model's own. A run in progress records the number. */
    size: orNull(whole(32, 4096), null),
    /** Images per optimiser step, and how many of them are on the GPU at once (a divisor of batch). */
    batch: preset(whole(1, 1024), defaultRecipe.batch),
    microBatch: preset(v.union([v.literal('auto'), whole(1, 1024)], "'auto' or a whole number from 1 to 1024"), 'auto'),
    /** Worker threads that prepare images while the GPU works. */
    workers: preset(v.union([v.literal('auto'), whole(0, 64)], "'auto' or a whole number from 0 to 64"), 'auto'),
    /** Maximum bytes on the GPU; null: no limit. */
    memory: orNull(
      v.pipe(
        v.union([v.number(), v.string()], MEMORY),
        v.check((typed) => parseBytes(typed) !== null, MEMORY),
      ),
      null,
    ),
    /** What the backward pass recomputes to save memory (gradient checkpointing); 'auto': as little as `memory` allows. */
    recompute: preset(
      v.union([v.literal('auto'), v.strictObject({ decoder: flag, blocks: whole(0, 1000) })], RECOMPUTE),
      'auto',
    ),
    /** Precision of matrix products and attention on adapters with matrix units. */
    matmulPrecision: preset(choice(PRECISIONS), DEFAULT_PRECISION.training),
    /** Storage type of frozen weights and of activations kept for the backward pass; it does not change the arithmetic. */
    storage: preset(choice(STORAGES), defaultRecipe.storage),
    /** 'auto': 40, or more if that would be few steps (see `totalSteps`). */
    epochs: preset(v.union([v.literal('auto'), number(0.001, 1e6)], EPOCHS), 'auto'),
    maxSteps: orNull(whole(1, MAX_STEPS), null),
    /** Minutes of training and validation after which the run ends, if its steps do not end earlier; null: no limit. */
    minutes: orNull(above0(1e6), null),
    seed: preset(whole(0, Number.MAX_SAFE_INTEGER), defaultRecipe.seed),
    /** true: the default augmentation; an object changes parts of it, or adds what it lacks: rotations, scales, blur. */
    augment: preset(
      v.union([flag, Augment], 'true, false, or an object with flip, turn and strengths'),
      defaultRecipe.augment,
    ),
    lora: part({
      /** full: the targets' matrices themselves are trained; rank, alpha and rslora then have no effect. */
      kind: preset(choice(['lora', 'full']), defaultRecipe.lora.kind),
      rank: preset(whole(1, 8192), DEFAULT_RANK),
      /** null: equal to the rank, so that the scale is 1. */
      alpha: orNull(above0(1e6), null),
      rslora: preset(flag, false),
      targets: preset(
        v.pipe(v.array(choice(LORA_TARGETS)), v.minLength(1, 'at least one target')),
        defaultRecipe.lora.targets,
      ),
      blocks: orNull(v.pipe(v.array(name), v.minLength(1, 'at least one block')), null),
    }),
    loss: part({
      dice: preset(number(0, 1000), defaultRecipe.loss.dice),
      bce: preset(number(0, 1000), defaultRecipe.loss.bce),
      /** Keeps the IoU head, and with it the mask generator's filter, calibrated. */
      iou: preset(number(0, 1000), defaultRecipe.loss.iou),
      /** Instances are weighted by their area to the power of minus this; 0: equally. */
      small: preset(number(0, 1), defaultRecipe.loss.small),
      /** Added to numerator and denominator of the Dice coefficient, in pixels of the mask. */
      smooth: preset(number(1e-3, 1000), defaultRecipe.loss.smooth),
      /** Extra weight of pixels on the target's outline in the cross-entropy, against those far from it; 0: none. */
      boundary: preset(number(0, 1000), defaultRecipe.loss.boundary),
    }),
    /** The prompt head, which proposes prompts to the generator. */
    head: part({
      /** Weight of its cross-entropy in the loss; 0: the adapter has no head. */
      weight: preset(number(0, 1000), defaultRecipe.head.weight),
      /** Its own, because it begins with nothing. */
      learningRate: preset(above0(10), defaultRecipe.head.learningRate),
    }),
    optimizer: part({
      algorithm: preset(choice(['adam', 'adamw']), defaultRecipe.optimizer.algorithm),
      learningRate: preset(above0(10), defaultRecipe.optimizer.learningRate),
      weightDecay: preset(number(0, 10), defaultRecipe.optimizer.weightDecay),
      beta1: preset(number(0, 0.999999), defaultRecipe.optimizer.beta1),
      beta2: preset(number(0, 0.999999), defaultRecipe.optimizer.beta2),
      eps: preset(above0(1), defaultRecipe.optimizer.eps),
      /** Gradients with a larger norm are scaled down to this one; 0: no limit. */
      maxNorm: preset(number(0, 1e6), defaultRecipe.optimizer.maxNorm),
    }),
    /** Highest decay of the moving average of the parameters, which is validated and exported; 0: none. See averageDecay. */
    average: preset(number(0, 0.999999), defaultRecipe.average),
    schedule: part({
      kind: preset(choice(['constant', 'cosine']), defaultRecipe.schedule.kind),
      /** Steps of linear warm-up; null: a twentieth of all steps. */
      warmup: orNull(whole(0, MAX_STEPS), null),
    }),
    prompts: part({
      /** Maximum per image and step: instances are prompted again only after all have been. */
      count: preset(whole(1, 512), defaultRecipe.prompts.count),
      /** Relative frequencies of the kinds of prompts. */
      point: preset(number(0, 1000), defaultRecipe.prompts.point),
      box: preset(number(0, 1000), defaultRecipe.prompts.box),
      both: preset(number(0, 1000), defaultRecipe.prompts.both),
      /** Instances with a smaller area, in pixels of the input, are not prompted. */
      minArea: preset(number(0, 1e6), defaultRecipe.prompts.minArea),
    }),
    /**
     * auto: at the end of a training its adapter is scaled so that no validation source falls below the base model; full: it is
     * left as it is.
     */
    strength: preset(choice(['auto', 'full']), 'auto'),
    validation: part({
      /** Epochs between two validations; 0: no validation. */
      every: preset(whole(0, 1e6), defaultRecipe.validation.every),
      /**
       * Validate on this many images, chosen by the seed, and on as many instances of each; null: on all. 'auto': all images and 64
       * instances, on a software adapter fewer; a run in progress records the numbers.
       */
      images: orNull(v.union([v.literal('auto'), whole(1, 1e6)], "'auto' or a whole number from 1 to 1000000"), 'auto'),
      instances: orNull(
        v.union([v.literal('auto'), whole(1, MAX_LABEL)], `'auto' or a whole number from 1 to ${MAX_LABEL}`),
        'auto',
      ),
      /** Validations in a row without a better one after which the run comes to its end; 0: it never ends early. */
      patience: preset(whole(0, 1e6), defaultRecipe.validation.patience),
      /** Folders of labelled images from other sources, which are not trained on: the adapter must not be worse there. */
      foreign: preset(v.array(name, 'a list of folders'), []),
      /** The number of synthetic scenes that serve as one more such source. */
      synthetic: preset(whole(0, 100), 3),
      /**
       * At the end the automatic generator's thresholds are tuned on at most this many validation images (fewer on a software
       * adapter) and stored with the adapter; 0: not at all. It does not change the adapter's matrices.
       */
      tune: preset(whole(0, 1e6), 6),
    }),
    checkpoint: part({
      /** Seconds, and steps, between two checkpoints: whichever comes first. One is also written after each validation. */
      seconds: preset(number(0, 1e6), 120),
      steps: orNull(whole(1, MAX_STEPS), null),
    }),
    /** Experiment trackers that receive the run's numbers; they change no bit of the result. */
    tracking: part({
      /** metrics.jsonl is always written. */
      to: preset(v.array(choice(['jsonl', ...trackers])), ['jsonl']),
      project: preset(projectName, 'wgsam'),
      /** Name of the run in the trackers; null: the name of its folder. */
      name: orNull(line(128), null),
      tags: preset(v.array(line(64)), []),
      notes: preset(v.string('a text'), ''),
      /** The number of validation images whose pictures go to the trackers. */
      images: preset(whole(0, 64), 4),
      /** Identifies the run in the trackers; chosen at random when the run begins, so that a resumed run keeps it. */
      id: orNull(v.pipe(v.string(ID), v.regex(/^[a-z0-9]{1,64}$/, ID)), null),
    }),
  },
  'an object { … }',
)
