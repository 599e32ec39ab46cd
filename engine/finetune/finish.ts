/** @file After a training: the strength of its adapter, and the generator's thresholds for it. */
import { evenlySpaced } from '../evenly-spaced'
import type { SamModel } from '../sam/sam-model'
import { adapterBand } from '../scale/adapter-band'
import { comparedScene, SYNTHETIC_SOURCE } from '../synth/scene-sample'
import { searchThresholds } from '../tune/search-thresholds'
import type { AdapterProfile } from '../train/adapter-profile'
import type { ParameterState } from '../train/parameters'
import type { Adaptation } from './adaptation'
import { comparisonEffort, tuningImages } from './measuring-effort'
import type { Recipe } from './recipe'
import { type LabelledImage, labelledImage } from './samples'
import { chooseStrength, STRENGTHS, withValues } from './strength'
import { Validator } from './validator'

/** How far the measurements after a training are. */
export interface Measuring {
  /** What is measured: the strength of the adapter, or the thresholds of the generator. */
  measuring: 'strength' | 'thresholds'
  done: number
  total: number
}

export interface FinishOptions {
  model: SamModel
  recipe: Recipe
  adaptation: Adaptation
  /** The parameters at the end of the training, and those that are exported. */
  parameters: readonly ParameterState[]
  states: readonly ParameterState[]
  /** The number of training images. */
  trained: number
  /** Images of the kind that was trained on, and others; none of them was trained on. */
  validated: readonly LabelledImage[]
  foreign: readonly LabelledImage[]
  strength: 'auto' | 'full'
  /** Synthetic scenes to compare on, and images to tune on, at most. */
  scenes: number
  tune: number
  profile: AdapterProfile
  stop(): boolean
  onMeasure?(progress: Measuring): void | Promise<void>
}

/** The adapter's final parameters, and its profile with what was found. */
export interface Finished {
  states: readonly ParameterState[]
  profile: AdapterProfile
}

/** Measures; the parameters on the GPU are overwritten. Deterministic. @returns null if it was stopped */
export async function finishTraining(options: FinishOptions): Promise<Finished | null> {
  const chosen = await strengthOf(options)
  return chosen && thresholdsFor({ ...options, ...chosen })
}

async function strengthOf(options: FinishOptions): Promise<Finished | null> {
  const { model, recipe, adaptation, parameters, states, trained, stop, onMeasure, profile } = options
  const sources = options.strength === 'auto' ? sourcesOf(options) : []
  if (!sources.length) return { states, profile }
  const total = STRENGTHS.length + 1
  const compared = { strengths: total, sources: sources.length }
  const { images, instances } = comparisonEffort(recipe, model.engine.software, trained, compared)
  const measured = sources.map((source) => ({ ...source, samples: evenlySpaced(source.samples, images) }))
  const named = measured.map(({ name, foreign, samples }) => ({ name, foreign, images: samples.length }))
  const validator = await Validator.open(model, adaptation, [], { maxInstances: instances, seed: recipe.seed })
  let done = 0
  try {
    const found = await chooseStrength(states, named, async (values) => {
      await onMeasure?.({ measuring: 'strength', done: done++, total })
      adaptation.parameters.upload(withValues(parameters, values))
      adaptation.refresh()
      const scores = []
      for (const { samples } of measured) {
        const score = await validator.scores(samples, instances, stop)
        if (!score) return null
        scores.push(score)
      }
      return scores
    })
    return found && { states: found.states, profile: { ...profile, strength: found.strength } }
  } finally {
    validator.destroy()
  }
}

interface Source {
  name: string
  foreign: boolean
  samples: readonly LabelledImage[]
}

function sourcesOf({ validated, foreign, scenes, recipe }: FinishOptions): Source[] {
  const synthetic = Array.from({ length: scenes }, (_, i) => labelledImage(`synthetic/${i + 1}`, comparedScene(i)))
  return [
    { name: 'validation images', foreign: false, samples: validated },
    { name: 'foreign images', foreign: true, samples: foreign },
    { name: SYNTHETIC_SOURCE, foreign: recipe.synthetic === 0, samples: synthetic },
  ].filter(({ samples }) => samples.length)
}

async function thresholdsFor(options: FinishOptions): Promise<Finished | null> {
  const { model, recipe, adaptation, parameters, states, trained, validated, tune, profile, stop, onMeasure } = options
  const images = evenlySpaced(validated, Math.min(tune, tuningImages(recipe, model.engine.software, trained)))
  if (!images.length) return { states, profile }
  adaptation.parameters.upload(withValues(parameters, states))
  adaptation.refresh()
  const total = images.length
  await onMeasure?.({ measuring: 'thresholds', done: 0, total })
  const reading = images.map((image) => async () => image)
  const found = await searchThresholds(model, reading, {
    band: adapterBand(profile, model),
    stop,
    onProgress: (image, part) => void onMeasure?.({ measuring: 'thresholds', done: image + part, total }),
  })
  if (!found) return null
  // thresholds with which no mask matches a label are none
  return { states, profile: found.thresholds?.f1.after ? { ...profile, ...found } : profile }
}
