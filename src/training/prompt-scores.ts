/** @file The scores of a model on labelled images, by point and by box prompts, and of its prompt head. */
import { type FoundParticles, foundF1, type ParticleCounter } from '../../engine/finetune/found-particles'
import type { SourceScores } from '../../engine/finetune/strength'
import type { PromptScores } from '../../engine/train/adapter-profile'
import type { Predictor } from '../../engine/sam/predictor'
import type { ScaleSettings } from '../../engine/scale/scale-settings'
import { evaluate, type EvaluateOptions, type TalliedMode } from '../evaluation/evaluate'
import { predictorSegmenter } from '../evaluation/model-segmenter'
import { summariseTallies } from '../evaluation/scores'
import { promptKinds } from '../evaluation/segmenter'
import { Progress } from '../host/progress'
import { alone, gatherValues } from '../mpi/communicator'
import { decidedByFirst, gatherTallies } from './joint-training'
import { shareOf } from './rank-share'
import type { ValidationSource } from './validation-sources'

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

type TallyOptions = Pick<EvaluateOptions, 'items' | 'load' | 'maxInstances' | 'onImage' | 'stop' | 'seed'> & {
  /** How images are seen; whole if absent. */
  scale?: ScaleSettings
}

/** Prompts a model by points and by boxes; deterministic. Null if it was stopped. */
export function tallyPrompts(
  predictor: Predictor,
  label: string,
  { scale, ...options }: TallyOptions,
): Promise<TalliedMode[] | null> {
  const line = new Progress(label, options.items.length, { unit: 'images' })
  return evaluate({
    ...options,
    segmenter: predictorSegmenter(predictor, scale && (() => scale)),
    prompts: promptKinds,
    onProgress: (done) => line.update(done),
  })
}

/**
 * The scores of a source, and with a counter those of the prompt head. Null if it was stopped. The ranks divide the
 * images, and the result is the same at all.
 * @param counter of the same predictor
 */
export async function scoreSource(
  predictor: Predictor,
  { name, items, load }: ValidationSource,
  options: Omit<TallyOptions, 'items' | 'load' | 'onImage'>,
  counter: ParticleCounter | null = null,
  ranks = alone,
): Promise<SourceScores | null> {
  const found: FoundParticles[] = []
  const onImage: TallyOptions['onImage'] = counter
    ? async ({ sample }) => void found.push(await counter.count(sample))
    : undefined
  const own = items.slice(...shareOf(items.length, ranks))
  const part = await tallyPrompts(predictor, `comparing on ${name}`, { ...options, items: own, load, onImage })
  const tallied = await gatherTallies(ranks, part)
  const all = (await gatherValues(ranks, found))?.flat() ?? []
  return decidedByFirst(ranks, tallied && { ...scoresOf(tallied), ...(counter && { head: foundF1(all) }) })
}
