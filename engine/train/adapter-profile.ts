/**
 * @file What an adapter knows about itself besides its matrices: on what it was trained, and which settings of the mask generator suit
 * it. `wgsam/web` and `wgsam/node` keep it in the file wgsam.json beside the matrices.
 */
import type { ScoreThresholds } from '../generate/filter'
import type { UsedPrompts } from '../generate/generator-options'
import type { DiameterQuantiles } from '../scale/view'
import type { ReliabilityBin } from '../tune/calibration'

/** The generator's thresholds that suit an adapter, and how they were found. */
export interface StoredThresholds extends ScoreThresholds {
  /** What they were tuned on: a part of the dataset, with the numbers of its images and labelled particles. */
  part: 'train' | 'val' | 'test' | 'all'
  images: number
  instances: number
  /** The prompts of the search: thresholds of one kind do not suit masks of the other. */
  prompts: UsedPrompts
  /** Points along each side of the grid, if that was used. */
  pointsPerSide: number
  /** The mean of F1 at IoU 0.5 and 0.75 on these images, 0 to 1, with the default thresholds, with these, and of a watershed without a model. */
  f1: { before: number; after: number; watershed?: number }
}

/** A reliability diagram: the masks in bins of their predicted IoU, and the expected calibration error. */
export interface ReliabilityDiagram {
  error: number
  bins: ReliabilityBin[]
}

/** What a predicted IoU means: a map to the true one, and how good it is. */
export interface StoredCalibration {
  /** A piecewise linear map from the predicted IoU to the true one, as knots: both values rise. */
  knots: [number, number][]
  /** What it was fitted on. */
  images: number
  masks: number
  /** On images left out of the fit, as predicted and calibrated; null with a single image. */
  reliability: { raw: ReliabilityDiagram; calibrated: ReliabilityDiagram | null } | null
}

/** Scores by kind of prompt, 0 to 1: each is the mean of the Dice of whole images and of single particles. */
export interface PromptScores {
  point: number
  box: number
}

/** The scores of the base model and of an adapter on images of one source. */
export interface ComparedSource {
  name: string
  /** True if nothing of the kind was trained on. */
  foreign: boolean
  /** The number of images that were compared. */
  images: number
  /** Both on whole images, at the input of the training. */
  base: PromptScores
  adapter: PromptScores
  /** Of the base model at its own, larger input, if that was compared too. */
  own?: PromptScores | undefined
  /** Of the adapter as it is used, in tiles where these show more, if it was compared with that. */
  used?: PromptScores | undefined
  /** The F1 of the adapter's prompt head as a finder of particles, if it has one. */
  head?: number | undefined
}

/** How strongly an adapter changes the base model, chosen on several sources of images. */
export interface StoredStrength {
  /** The factor, 0 to 1, by which the change to the base model's weights was scaled; the adapter's matrices contain it. */
  value: number
  /** True if no source is worse than with the base model. */
  safe: boolean
  /** The side of the base model's own input, if that is larger than the training's and was compared too. */
  ownSize?: number | undefined
  sources: ComparedSource[]
}

/** What an adapter knows about itself. Every part is optional: adapters of other programs have none. */
export interface AdapterProfile {
  /** The side of the model's input in training, pixels. */
  size?: number | undefined
  /**
   * Equivalent diameters, in pixels of the model's input, of the particles that training prompted: the quantiles 5, 25, 50, 75
   * and 95 %.
   */
  diameters?: DiameterQuantiles | undefined
  thresholds?: StoredThresholds | undefined
  calibration?: StoredCalibration | undefined
  strength?: StoredStrength | undefined
}
