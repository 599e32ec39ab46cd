/** @file Filtering the proposals again: sliders show at once what would come and go; Apply makes it one edit. */
import { computed, signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { FilterOptions } from '../../../../engine/generate/filter'
import type { Mask } from '../../../../engine/masks/mask'
import { messageOf } from '../../../host/errors'
import { api, ApiError } from '../api'
import { count } from '../state/app'
import { tell } from '../state/notices'
import { preview } from '../state/preview'
import { Candidates } from '../state/refilter'
import type { ImageSession } from '../state/image-session'
import { sprite } from '../tools/ink'

const loaded = signal<{ session: ImageSession; candidates: Candidates | null } | null>(null)
const options = signal<FilterOptions | null>(null)

interface Slider {
  key: 'predIouThresh' | 'stabilityScoreThresh' | 'minArea' | 'maxArea' | 'maskNmsThresh' | 'containmentThresh'
  label: string
  title: string
  /** Of the slider's place, 0 to 1, and back: areas are spread by their square. */
  value(place: number): number
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
  { key: 'predIouThresh', label: 'Predicted IoU over', title: 'Keeps what the model thinks better of', ...share },
  {
    key: 'stabilityScoreThresh',
    label: 'Stability from',
    title: 'Keeps what changes little with the threshold',
    ...share,
  },
  {
    key: 'minArea',
    label: 'Area from',
    title: 'In pixels',
    value: (place) => Math.round(largestArea * place ** 2),
    place: (value) => Math.sqrt(Math.min(1, value / largestArea)),
    text: (value) => `${value} px`,
  },
  {
    key: 'maxArea',
    label: 'Area up to',
    title: 'Of the image: what is larger is background or a heap',
    value: (place) => Math.round(1000 * place ** 2) / 1000,
    place: (value) => Math.sqrt(value),
    text: (value) => (value >= 1 ? 'any' : `${(100 * value).toFixed(1)} %`),
  },
  {
    key: 'maskNmsThresh',
    label: 'Duplicates: IoU over',
    title: 'Of two masks that are more alike than this the worse one goes',
    ...share,
    text: (value) => (value >= 1 ? 'off' : share.text(value)),
  },
  {
    key: 'containmentThresh',
    label: 'One in the other over',
    title: 'Of two masks where one has more than this part of the smaller one, one goes',
    ...share,
    text: (value) => (value >= 1 ? 'off' : share.text(value)),
  },
]

/** What the sliders would change. */
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
      tell('error', `The candidates cannot be had: ${messageOf(error)}`)
    loaded.value = { session, candidates: null }
  }
}

const goneSprites = new WeakMap<Mask, HTMLCanvasElement>()
const comeSprites = new WeakMap<Mask, HTMLCanvasElement>()

/** A slider shows the same masks again and again. */
function cached(
  sprites: WeakMap<Mask, HTMLCanvasElement>,
  mask: Mask,
  ...look: [colour: readonly [number, number, number], alpha: number]
): HTMLCanvasElement {
  let canvas = sprites.get(mask)
  if (!canvas) sprites.set(mask, (canvas = sprite(mask, ...look)))
  return canvas
}

/** Shows in green what would come and in red what would go. */
function show(session: ImageSession): void {
  const { candidates } = loaded.value ?? {}
  const found = difference.value
  if (!candidates || !found || !moved.value) return void (preview.value = [])
  const gone = found.remove.map((id) => session.shapes.get(id)!.mask)
  const come = found.add.map((i) => candidates.draft(i).mask)
  preview.value = [
    ...gone.map((mask) => ({ mask, canvas: cached(goneSprites, mask, [255, 60, 60], 0.55) })),
    ...come.map((mask) => ({ mask, canvas: cached(comeSprites, mask, [70, 230, 110], 0.45) })),
  ]
}

/** Whether the sliders were moved since the image was opened: before that, what they say is what is there. */
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
  if (!candidates || !options.value || !found)
    return (
      <p class="empty">
        There are no candidates of this image: <code>wgsam generate</code> keeps them beside the proposals.
      </p>
    )
  const apply = () => {
    try {
      session.edit(
        'refilter',
        found.remove,
        found.add.map((i) => candidates.draft(i)),
      )
      session.select([])
    } catch (error) {
      tell('error', messageOf(error))
    }
  }
  const nothing = !found.remove.length && !found.add.length
  return (
    <section class="sliders" aria-label="Filter the proposals again">
      <p class="soft">
        {found.kept} of {count(candidates.total, 'candidate')} pass. What you drew, changed or removed stays as it is.
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
        Drop what frames the image
      </label>
      <p class="difference" aria-live="polite">
        {nothing || !moved.value ? (
          'Nothing would change.'
        ) : (
          <>
            <b class="gone">−{found.remove.length}</b> would go, <b class="come">+{found.add.length}</b> would come.
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
    </section>
  )
}
