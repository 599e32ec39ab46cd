/** @file Training on the accepted images: what it uses, its course, and how it continues after an interruption. */
import { computed, signal } from '@preact/signals'
import { images } from '../../../review/page/state/app'
import { notify } from '../../../review/page/state/notices'
import type { AdapterSummary, Labelled, StoredAdapter, TrainPoint, TrainSettings } from '../../calls'
import { ask } from '../worker-client'
import { keepPace } from './pace'
import { runJob } from './job'
import { adapterName, keepAdapter, model, modelChanged, review } from './studio'
import { forgetTraining, keepCheckpoint, keptCheckpoint, type KeptTraining, unfinished } from './unfinished'

/** The points of the training that runs, or ran last. */
export const course = signal<TrainPoint[]>([])
export const running = signal(false)
/** Steps that are planned; null before the first. */
export const plannedSteps = signal<number | null>(null)
/** Set while the training ends after its present step. */
export const ending = signal<'use' | 'pause' | null>(null)

/** Accepted images with masks, in their order. */
export const usable = computed(() =>
  images.value.filter(({ state, masks }) => state === 'accepted' && masks > 0).map(({ info }) => info.name),
)

/** The minimum number of images of which one is left out, to compare the base model with the adapter. */
const LEAST_FOR_VALIDATION = 3

/** The images that are trained on, and those by which it is measured. */
export function divided(names: readonly string[]): { train: string[]; validation: string[] } {
  if (names.length < LEAST_FOR_VALIDATION) return { train: [...names], validation: [...names] }
  return { train: names.slice(0, -1), validation: names.slice(-1) }
}

const masksOf = (image: string) => ({
  image,
  masks: review.document(image).masks.map(({ segmentation }) => segmentation),
})
const withPixels = async (samples: KeptTraining['samples']): Promise<Labelled[]> =>
  Promise.all(samples.map(async (one) => ({ ...one, pixels: await review.pixels(one.image) })))

/** Begins a training on the accepted images. */
export async function trainAdapter(settings: TrainSettings): Promise<void> {
  const { train, validation } = divided(usable.value)
  const { name, inputSize } = model.value!
  await run({
    ...{ settings, model: name, inputSize, step: 0, totalSteps: null, course: [] },
    ...{ samples: train.map(masksOf), validation: validation.map(masksOf) },
  })
}

/** Continues the training that was interrupted, from its last checkpoint. */
export async function continueTraining(): Promise<void> {
  if (unfinished.value) await run(unfinished.value)
}

async function run(training: KeptTraining): Promise<void> {
  // what came after the last checkpoint is computed again
  course.value = training.course.filter(({ step }) => step <= training.step)
  plannedSteps.value = training.totalSteps
  running.value = true
  ending.value = null
  let adapter: StoredAdapter | null = null
  let stopped = false
  await runJob('Training', async ({ signal, onProgress }) => {
    signal.addEventListener('abort', () => (stopped = true))
    const { settings } = training
    const [samples, validation] = [await withPixels(training.samples), await withPixels(training.validation)]
    const request = { ...settings, samples, validation, resume: await keptCheckpoint() }
    adapter = await ask('train', request, {
      signal,
      onProgress: (progress) => {
        const { point, checkpoint, done, total } = progress
        if (point) {
          course.value = [...course.value, point]
          plannedSteps.value = total
        }
        if (checkpoint)
          void keepCheckpoint({ ...training, step: done, totalSteps: total, course: course.value }, checkpoint)
        else onProgress(progress)
      },
    })
    if (adapter) await keepAdapter(adapter)
  })
  running.value = false
  ending.value = null
  if (adapter) finished(adapter)
  if (adapter || stopped) await forgetTraining()
  else if (unfinished.value)
    notify('note', `The training is kept at step ${unfinished.value.step}: Train continues it.`)
  await modelChanged()
}

function finished({ summary, model: of, inputSize }: StoredAdapter): void {
  notify('note', `${outcome(summary)} Propose again to see its masks.`)
  if (summary.training && summary.rank) void keepPace(of, inputSize, summary.rank, summary.training)
}

/** Ends the training after its present step: with the adapter as it is, or to be continued later. */
export function endTraining(how: 'use' | 'pause'): void {
  ending.value = how
  void ask('endTraining', { use: how === 'use' })
}

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`

/** What the training has changed, in a sentence. */
export function outcome(summary: AdapterSummary): string {
  const { training } = summary
  if (!training) return `The adapter is ${adapterName(summary)}.`
  const { before, after, ownImages } = training
  if (before === null || after === null) return 'The adapter is trained. It was not measured.'
  const on = ownImages ? 'on the images it was trained on' : 'on an image it was not trained on'
  return `Score ${on}: ${percent(before)} before, ${percent(after)} with the adapter.`
}
