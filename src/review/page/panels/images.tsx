/** @file The list of images, with their state and counts. */
import { computed, signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { ImageSummary } from '../../protocol'
import { count, current, images, listed } from '../state/app'
import { drawer, narrow } from '../state/panels'
import { surroundings } from '../surroundings'
import { shownState, type ShownState, shownStates } from '../state/shown-state'
import { leaveFor } from '../tools/leave'
import { Splitter } from './splitter'
import { type ImageOrder, imageOrder } from '../state/prefs'
import { HomeJobs } from './home-jobs'

type Shown = 'all' | ShownState
const shown = signal<Shown>('all')
const word = signal('')

const visible = computed(() =>
  images.value.filter(
    (summary) =>
      (shown.value === 'all' || shownState(summary) === shown.value) &&
      summary.info.name.toLowerCase().includes(word.value.toLowerCase()),
  ),
)

const accepted = computed(() => images.value.filter(({ state }) => state === 'accepted').length)

export function Images() {
  const total = images.value.length
  return (
    <nav class="images" aria-label="Images">
      {!narrow.value && <Splitter panel="images" />}
      <header>
        <strong>{count(total, 'image')}</strong>
        <span class="soft">{accepted.value} accepted</span>
        <progress value={accepted.value} max={Math.max(1, total)} aria-label="accepted images" />
      </header>
      {total > 1 && (
        <label class="image-order">
          Order
          <select
            aria-label="Order of the images"
            value={imageOrder.value}
            onChange={(event) => (imageOrder.value = event.currentTarget.value as ImageOrder)}
          >
            <option value="name">name</option>
            <option value="uncertainty">least sure first</option>
          </select>
        </label>
      )}
      {total > 8 && (
        <div class="search">
          <input
            type="search"
            placeholder="Find by name"
            aria-label="Find images by name"
            value={word.value}
            onInput={(event) => (word.value = event.currentTarget.value)}
          />
          <select
            aria-label="Show images of this state"
            value={shown.value}
            onChange={(event) => (shown.value = event.currentTarget.value as Shown)}
          >
            {['all', ...shownStates].map((state) => (
              <option>{state}</option>
            ))}
          </select>
        </div>
      )}
      <ol>
        {visible.value.map((summary) => (
          <Line key={summary.info.name} summary={summary} />
        ))}
      </ol>
      {listed.value && !total && <p class="empty">{surroundings.noImages}</p>}
      {total > 0 && !visible.value.length && <p class="empty">No image matches.</p>}
      <HomeJobs />
    </nav>
  )
}

function Line({ summary }: { summary: ImageSummary }) {
  const { info, masks, removed, edited, added, comment, problem } = summary
  const state = shownState(summary)
  const here = info.name === current.value
  const item = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (here) item.current?.scrollIntoView({ block: 'nearest' })
  }, [here])
  const changes = [removed && `−${removed}`, edited && `~${edited}`, added && `+${added}`].filter(Boolean).join(' ')
  const description = `${count(masks, 'mask')}; proposals removed ${removed}, edited ${edited}; added ${added}`
  return (
    <li>
      <button
        ref={item}
        type="button"
        class={`image-line state-${problem ? 'problem' : state.replaceAll(' ', '-')}`}
        aria-current={here ? 'true' : undefined}
        title={
          problem ? `${info.name}: ${problem}` : `${info.name}: ${state}; ${description}${comment && `\n${comment}`}`
        }
        onClick={() => {
          drawer.value = null
          void leaveFor(info.name)
        }}
      >
        <i class="dot" aria-hidden="true" />
        <span class={comment ? 'name commented' : 'name'}>{info.name}</span>
        <span class="numbers">{problem ? 'cannot be read' : masks}</span>
        <small>{problem ? '' : `${state}${changes ? ` ${changes}` : ''}`}</small>
      </button>
    </li>
  )
}
