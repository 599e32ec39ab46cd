/** @file Synthetic scenes as labelled images. */
import type { Sample } from '../image/sample'
import { renderScene, type Scene } from './scene'
import { variedScene } from './varied-scene'

/** A scene as an RGB image with its labels. */
function sceneSample({ width, height, image, labels }: Scene): Sample {
  const rgb = new Uint8Array(3 * image.length)
  for (let i = 0, at = 0; i < image.length; i++, at += 3) rgb[at] = rgb[at + 1] = rgb[at + 2] = image[i]
  return { width, height, rgb, labels }
}

/** A scene to train on, of at most the model's input size; the same seed gives the same one. */
export const trainingScene = (seed: number, size: number): Sample => sceneSample(variedScene(seed, size))

/** The seed of the first scene to compare on: none that `wgsam synth` or training uses unless it is asked to. */
const COMPARED_SEED = 0x5eed_f0e1
const COMPARED = { width: 512, height: 512, particles: [20, 60] as [number, number] }

/** A scene to compare models on: the same in every training. */
export const comparedScene = (index: number): Sample => sceneSample(renderScene(COMPARED_SEED + index, COMPARED))

/** The name of these scenes as a source of images. */
export const SYNTHETIC_SOURCE = 'synthetic scenes'
/** Sides of the scenes to compare on. */
export const comparedSize = { width: COMPARED.width, height: COMPARED.height }
