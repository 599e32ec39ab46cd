/** @file Training on the accepted images: what it uses, and its course. */
import { computed, signal } from '@preact/signals'
import { images } from '../../../review/page/state/app'
import { notify } from '../../../review/page/state/notices'
import { setValue } from '../../store/database'
import type { AdapterSummary, Labelled, TrainPoint } from '../../calls'
import { ask } from '../worker-client'
import { runJob } from './job'
import { model, modelChanged, openModel, review } from './studio'

/** The points of the training that runs, or ran last. */
export const course = signal<TrainPoint[]>([])
export const running = signal(false)

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

const labelled = (image: string): Labelled => ({
  image,
  masks: review.document(image).masks.map(({ segmentation }) => segmentation),
})

export interface TrainSettings {
  minutes: number
  rank: number
  maxSteps: number | null
}

export async function trainAdapter(settings: TrainSettings): Promise<void> {
  const { train, validation } = divided(usable.value)
  course.value = []
  running.value = true
  const summary = await runJob('Training', ({ signal, onProgress }) =>
    ask(
      'train',
      { samples: train.map(labelled), validation: validation.map(labelled), ...settings },
      {
        signal,
        onProgress: (progress) => {
          if (progress.point) course.value = [...course.value, progress.point]
          onProgress(progress)
        },
      },
    ),
  )
  running.value = false
  if (summary) {
    model.value = model.value && { ...model.value, adapter: summary }
    notify('note', `${outcome(summary)} Propose again to see its masks.`)
  }
  await modelChanged()
}

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`

/** What the training has changed, in a sentence. */
export function outcome({ before, after, ownImages }: AdapterSummary): string {
  if (before === null || after === null) return 'The adapter is trained. It was not measured.'
  const on = ownImages ? 'on the images it was trained on' : 'on an image it was not trained on'
  return `Score ${on}: ${percent(before)} before, ${percent(after)} with the adapter.`
}

/** Forgets the adapter and returns to the base model. */
export async function forgetAdapter(): Promise<void> {
  await setValue('adapter', undefined)
  await openModel()
}
