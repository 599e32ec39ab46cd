/** @file The Filter panel: sliders preview which masks would be added and removed; Apply makes this one edit. */
import { computed, signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { FilterOptions } from '../../../../engine/generate/filter'
import type { Mask } from '../../../../engine/masks/mask'
import { messageOf } from '../../../host/errors'
import { api, ApiError } from '../api'
import { count } from '../state/app'
import { surroundings } from '../surroundings'
import { notify } from '../state/notices'
import { preview } from '../state/preview'
import { areaText } from '../state/scale'
import { Candidates } from '../state/refilter'
import type { ImageSession } from '../state/image-session'
import { FilterAll } from './filter-all'
import { sprite } from '../tools/ink'

const loaded = signal<{ session: ImageSession; candidates: Candidates | null } | null>(null)
const options = signal<FilterOptions | null>(null)

interface Slider {
  key: Exclude<keyof FilterOptions, 'dropFrames' | 'boxNmsThresh'>
  label: string
  title: string
  /** The value at a slider position, 0 to 1; areas grow with its square. */
  value(place: number): number
  /** The slider position of a value. */
  place(value: number): number
  text(value: number): string
}

const share: Pick<Slider, 'value' | 'place' | 'text'> = {
  value: (place) => Math.round(place * 200) / 200,
  place: (value) => value,
  text: (value) => value.toFixed(3).replace(/0$/, ''),
}

const largestArea = 5000

const sliders: Slider[] = [
  {
    key: 'predIouThresh',
    label: 'Predicted IoU above',
    title: 'Keeps masks with a higher IoU as predicted, not calibrated',
    ...share,
  },
  {
    key: 'stabilityScoreThresh',
    label: 'Stability at least',
    title: 'Keeps masks that change little with the mask threshold',
    ...share,
  },
  {
    key: 'relativeScoreThresh',
    label: 'Of the image’s best, at least',
    title: 'Keeps masks whose predicted IoU times stability is at least this fraction of the best of the image',
    ...share,
    text: (value) => (value <= 0 ? 'off' : share.text(value)),
  },
  {
    key: 'minArea',
    label: 'Area at least',
    title: 'In pixels',
    value: (place) => Math.round(largestArea * place ** 2),
    place: (value) => Math.sqrt(Math.min(1, value / largestArea)),
    text: areaText,
  },
  {
    key: 'maxArea',
    label: 'Area at most',
    title: 'Fraction of the image; larger masks are background or agglomerates',
    value: (place) => Math.round(1000 * place ** 2) / 1000,
    place: (value) => Math.sqrt(value),
    text: (value) => (value >= 1 ? 'any' : `${(100 * value).toFixed(1)} %`),
  },
  {
    key: 'maskNmsThresh',
    label: 'Duplicates: IoU above',
    title: 'Of two masks with a higher IoU, the worse one is removed',
    ...share,
    text: (value) => (value >= 1 ? 'off' : share.text(value)),
  },
  {
    key: 'containmentThresh',
    label: 'Nested masks: overlap above',
    title: 'Of two masks that share more than this fraction of the smaller one, one is removed',
    ...share,
    text: (value) => (value >= 1 ? 'off' : share.text(value)),
  },
]

/** The masks that the sliders' settings would add and remove. */
const difference = computed(() => {
  const { session, candidates } = loaded.value ?? {}
  if (!session || !candidates || !options.value) return null
  void session.version.value
  return candidates.compare(session, options.value)
})

async function load(session: ImageSession): Promise<void> {
  loaded.value = null
  options.value = null
  moved.value = false
  try {
    const candidates = new Candidates(await api.candidates(session.name))
    loaded.value = { session, candidates }
    options.value = candidates.options
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404))
      notify('error', `The candidates could not be loaded: ${messageOf(error)}`)
    loaded.value = { session, candidates: null }
  }
}

const removedSprites = new WeakMap<Mask, HTMLCanvasElement>()
const addedSprites = new WeakMap<Mask, HTMLCanvasElement>()

/** A mask's sprite, cached: moving a slider shows the same masks many times. */
function cached(
  sprites: WeakMap<Mask, HTMLCanvasElement>,
  mask: Mask,
  ...look: [colour: readonly [number, number, number], alpha: number]
): HTMLCanvasElement {
  let canvas = sprites.get(mask)
  if (!canvas) sprites.set(mask, (canvas = sprite(mask, ...look)))
  return canvas
}

/** Previews masks that would be added in green and masks that would be removed in red. */
function show(session: ImageSession): void {
  const { candidates } = loaded.value ?? {}
  const found = difference.value
  if (!candidates || !found || !moved.value) return void (preview.value = [])
  const removed = found.remove.map((id) => session.masks.get(id)!.mask)
  const added = found.add.map((i) => candidates.newMask(i).mask)
  preview.value = [
    ...removed.map((mask) => ({ mask, canvas: cached(removedSprites, mask, [255, 60, 60], 0.55) })),
    ...added.map((mask) => ({ mask, canvas: cached(addedSprites, mask, [70, 230, 110], 0.45) })),
  ]
}

/** Whether the sliders were moved since the image was opened; before that, they change nothing. */
const moved = signal(false)
const set = (next: FilterOptions) => {
  moved.value = true
  options.value = next
}

export function Sliders({ session }: { session: ImageSession }) {
  useEffect(() => {
    void load(session)
    return () => void (preview.value = [])
  }, [session])
  const found = difference.value
  const key = found && `${found.remove.join()} ${found.add.join()} ${moved.value}`
  useEffect(() => show(session), [key])
  if (loaded.value?.session !== session) return <p class="empty">Loading the candidates …</p>
  const { candidates } = loaded.value
  if (!candidates || !options.value || !found) return <p class="empty">{surroundings.noCandidates}</p>
  const apply = () => {
    try {
      session.edit(
        'refilter',
        found.remove,
        found.add.map((i) => candidates.newMask(i)),
      )
      session.select([])
    } catch (error) {
      notify('error', messageOf(error))
    }
  }
  const nothing = !found.remove.length && !found.add.length
  return (
    <section class="sliders" aria-label="Filter the proposals again">
      <p class="soft">
        {found.kept} of {count(candidates.total, 'candidate')} pass. Masks that you drew, changed or removed are not
        affected.
      </p>
      {sliders.map((slider) => (
        <label key={slider.key} title={slider.title}>
          <span>{slider.label}</span>
          <span class="value">{slider.text(options.value![slider.key])}</span>
          <input
            type="range"
            min="0"
            max="1"
            step="0.005"
            value={slider.place(options.value![slider.key])}
            onInput={(event) =>
              set({ ...options.value!, [slider.key]: slider.value(Number(event.currentTarget.value)) })
            }
          />
        </label>
      ))}
      <label class="check">
        <input
          type="checkbox"
          checked={options.value.dropFrames}
          onChange={(event) => set({ ...options.value!, dropFrames: event.currentTarget.checked })}
        />
        Drop masks at three or more image edges
      </label>
      <p class="difference" aria-live="polite">
        {nothing || !moved.value ? (
          'Nothing would change.'
        ) : (
          <>
            <b class="removed">−{found.remove.length}</b> would be removed, <b class="added">+{found.add.length}</b>{' '}
            would be added.
          </>
        )}
      </p>
      <div class="row">
        <button type="button" class="primary" disabled={nothing || !moved.value} onClick={apply}>
          Apply
        </button>
        <button type="button" disabled={!moved.value} onClick={() => set(candidates.options)}>
          Reset
        </button>
      </div>
      <FilterAll session={session} options={options.value} apply={nothing || !moved.value ? null : apply} />
    </section>
  )
}
