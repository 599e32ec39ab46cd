/** @file The scores of a model on labelled images, by point and by box prompts, and of its prompt head. */
import { CELL, findLearnedPrompts } from '../../engine/generate/learned-prompts'
import { resizeLongest } from '../../engine/image/model-input'
import type { Predictor } from '../../engine/sam/predictor'
import type { PromptMapReader } from '../../engine/sam/prompt-map-reader'
import type { PromptMaps } from '../../engine/sam/prompt-maps'
import { MIN_INSTANCE_AREA } from '../../engine/train/sample-prompts'
import { boxes } from '../../engine/masks/instances'
import type { Sample } from '../../engine/image/sample'
import { evaluate, type EvaluateOptions, type TalliedMode } from '../evaluation/evaluate'
import { predictorSegmenter } from '../evaluation/model-segmenter'
import { summariseTallies } from '../evaluation/scores'
import { type EvaluationPrompt, promptKinds } from '../evaluation/segmenter'
import { Progress } from '../host/progress'
import type { ValidationSource } from './validation-sources'

/** Scores by kind of prompt, 0 to 1: each is the mean of the Dice of whole images and of single instances. */
export type PromptScores = Record<EvaluationPrompt, number>

/** The same, and the F1 of the prompt head's prompts as finders of particles, if there is a head. */
export interface SourceScores extends PromptScores {
  head?: number
}

export const meanScore = ({ point, box }: PromptScores): number => (point + box) / 2

/** The scores of some images, by default all. */
export function scoresOf(tallied: readonly TalliedMode[], chosen: (id: string) => boolean = () => true): PromptScores {
  const scores = tallied.map(({ prompt, images, seconds }) => {
    const kept = images.flatMap((image, i) => (chosen(image.id) ? [i] : []))
    const part = { prompt, images: kept.map((i) => images[i]), seconds: kept.map((i) => seconds[i]) }
    const { dice, instanceDice } = summariseTallies(part)
    return [prompt, (dice + instanceDice) / 2]
  })
  return Object.fromEntries(scores) as PromptScores
}

type TallyOptions = Pick<EvaluateOptions, 'items' | 'load' | 'maxInstances' | 'onImage' | 'stop' | 'seed'>

/** Prompts a model by points and by boxes, on whole images; deterministic. Null if it was stopped. */
export function tallyPrompts(
  predictor: Predictor,
  label: string,
  options: TallyOptions,
): Promise<TalliedMode[] | null> {
  const line = new Progress(label, options.items.length, { unit: 'images' })
  return evaluate({
    ...options,
    segmenter: predictorSegmenter(predictor),
    prompts: promptKinds,
    onProgress: (done) => line.update(done),
  })
}

/** Particles that a prompt head found. */
export interface FoundParticles {
  /** Particles with a prompt, prompts that are for no other one, and particles. */
  hits: number
  prompts: number
  particles: number
}

/** Counts the particles that are found by the maps of an image: those in which a prompt lies. */
export function countFound(maps: PromptMaps, { width, height, labels: data }: Sample): FoundParticles {
  const valid = resizeLongest(width, height, maps.side * CELL)
  const large = new Set(
    boxes({ width, height, data }).flatMap(({ id, area }) => (area >= MIN_INSTANCE_AREA ? [id] : [])),
  )
  const found = new Set<number>()
  let prompts = 0
  for (const { point, weak } of findLearnedPrompts(maps, valid).prompts) {
    if (weak) continue
    const at = (place: number, side: number, shown: number) =>
      Math.max(0, Math.min(side - 1, Math.floor((place * side) / shown)))
    const id = data[at(point[1], height, valid.height) * width + at(point[0], width, valid.width)]
    if (id && !large.has(id)) continue
    prompts++
    if (id) found.add(id)
  }
  return { hits: found.size, prompts, particles: large.size }
}

/** F1 of images together; 0 without particles and prompts. */
export function foundF1(images: readonly FoundParticles[]): number {
  const sum = (key: keyof FoundParticles) => images.reduce((all, image) => all + image[key], 0)
  return sum('prompts') + sum('particles') ? (2 * sum('hits')) / (sum('prompts') + sum('particles')) : 0
}

/**
 * The scores of a source, and with a reader of its maps that of the prompt head. Null if it was stopped.
 * @param head reads the maps of the image that the predictor encoded last
 */
export async function scoreSource(
  predictor: Predictor,
  { name, items, load }: ValidationSource,
  options: Omit<TallyOptions, 'items' | 'load' | 'onImage'>,
  head: PromptMapReader | null = null,
): Promise<SourceScores | null> {
  const found: FoundParticles[] = []
  const onImage: TallyOptions['onImage'] = head
    ? async ({ sample }) => void found.push(countFound(await head.read(), sample))
    : undefined
  const tallied = await tallyPrompts(predictor, `comparing on ${name}`, { ...options, items, load, onImage })
  return tallied && { ...scoresOf(tallied), ...(head && { head: foundF1(found) }) }
}
