/**
 * @file What an adapter knows about itself besides its matrices: wgsam.json in its folder. PEFT refuses unknown keys in
 * adapter_config.json, so they are in a separate file. Every part is optional: adapters of other programs have none.
 * It runs in any host.
 */
import * as v from 'valibot'
import type { AdapterProfile } from '../../engine/train/adapter-profile'
import { messageOf, UserError } from '../host/errors'
import { finiteNumber, problemOf } from '../text/check-value'
import { jsonText } from './adapter-files'

export const PROFILE = 'wgsam.json'

const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
const whole = v.pipe(v.number(), v.integer(), v.minValue(0))

/** The thresholds of a mask's score as files have them. */
export const scoreThresholdEntries = {
  predIouThresh: share,
  stabilityScoreThresh: share,
  /** Absent in files of a search without it. */
  relativeScoreThresh: v.optional(share, 0),
}

const Thresholds = v.object({
  ...scoreThresholdEntries,
  /** What they were tuned on: a part of the dataset, with the numbers of its images and labelled particles. */
  part: v.picklist(['train', 'val', 'test', 'all'], 'one of train, val, test, all'),
  images: whole,
  instances: whole,
  /** The prompts of the search: thresholds of one kind do not suit masks of the other. */
  prompts: v.optional(v.picklist(['grid', 'learned'], 'one of grid, learned'), 'grid'),
  /** Points along each side of the grid, if that was used. */
  pointsPerSide: whole,
  /** The mean of F1 at IoU 0.5 and 0.75 on these images, with the default thresholds, with these, and of the watershed. */
  f1: v.object({ before: share, after: share, watershed: v.optional(share) }),
})

/** A reliability diagram: the masks in bins of their predicted IoU, and the expected calibration error. */
const Diagram = v.object({
  error: v.pipe(finiteNumber, v.minValue(0)),
  bins: v.pipe(v.array(v.object({ predicted: finiteNumber, actual: share, count: whole })), v.maxLength(100)),
})

const Calibration = v.object({
  /** A piecewise linear map from the predicted IoU to the true one, as knots: both values rise. */
  knots: v.pipe(
    v.array(v.tuple([finiteNumber, share])),
    v.minLength(1),
    v.maxLength(1000),
    v.check(
      (knots) => knots.every(([x, y], i) => i === 0 || (x > knots[i - 1][0] && y >= knots[i - 1][1])),
      'knots that rise',
    ),
  ),
  /** What it was fitted on. */
  images: whole,
  masks: whole,
  /** On images left out of the fit, as predicted and calibrated; null with a single image. */
  reliability: v.nullable(v.object({ raw: Diagram, calibrated: v.nullable(Diagram) })),
})

const scores = v.object({ point: finiteNumber, box: finiteNumber })
const Strength = v.object({
  /** The factor by which the change to the base model's weights was scaled; the stored matrices contain it. */
  value: v.pipe(v.number(), v.gtValue(0), v.maxValue(1)),
  /** True if no source is worse than with the base model. */
  safe: v.boolean(),
  /** The side of the base model's own input, if that is larger than the run's and was compared too. */
  ownSize: v.optional(whole),
  /**
   * Scores of the base model and of the adapter by point and box prompts, from 0 to 1; of the base model at its own input and of the
   * adapter as it is used against that, in tiles where these show more; and the F1 of the prompt head at that strength.
   */
  sources: v.array(
    v.object({
      ...{ name: v.string(), foreign: v.boolean(), images: whole },
      ...{
        base: scores,
        adapter: scores,
        own: v.optional(scores),
        used: v.optional(scores),
        head: v.optional(finiteNumber),
      },
    }),
  ),
})
const length = v.pipe(finiteNumber, v.gtValue(0))
const Diameters = v.pipe(
  v.tuple([length, length, length, length, length]),
  v.check((all) => all.every((value, i) => !i || all[i - 1] <= value), 'quantiles in ascending order'),
)

const Schema = v.object({
  version: v.literal(1, '1, the only one that this version of wgsam reads'),
  /** The side of the model's input in training, pixels. */
  size: v.optional(v.pipe(v.number(), v.integer(), v.minValue(32), v.maxValue(4096))),
  /**
   * Equivalent diameters, in pixels of the model's input, of the particles that training prompted: the quantiles 5, 25, 50, 75
   * and 95 %.
   */
  diameters: v.optional(Diameters),
  /** The automatic generator's thresholds that suit the adapter. */
  thresholds: v.optional(Thresholds),
  /** What a predicted IoU means for the adapter's automatic masks. */
  calibration: v.optional(Calibration),
  /** How strongly the adapter changes the base model, chosen on several sources of images. */
  strength: v.optional(Strength),
})

export type { AdapterProfile, StoredCalibration, StoredThresholds } from '../../engine/train/adapter-profile'

/** A profile from the text of its file. @param path names the file @throws UserError if it is damaged or of a later version */
export function parseProfile(path: string, text: string): AdapterProfile {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new UserError(`${path} is not JSON: ${messageOf(error)}`)
  }
  const result = v.safeParse(Schema, json)
  if (!result.success) {
    throw new UserError(`${path}: ${problemOf(result.issues[0])}`)
  }
  const { version, ...profile } = result.output
  return profile
}

/** The text of a profile's file. */
export const profileText = (profile: AdapterProfile): string => jsonText({ version: 1, ...profile })
