/** @file The images of the folder as small pictures with their state. */
import { signal } from '@preact/signals'
import { leastSureFirst } from '../../project/review/uncertainty'
import type { HomeImage, HomeImageState } from '../protocol'
import { counts, images } from './state'
import { count } from '../../text/count'
import { percent } from './words'

const states: HomeImageState[] = ['no proposals', 'proposed', 'in review', 'accepted']
const shown = signal<HomeImageState | null>(null)
const order = signal<'name' | 'uncertainty'>('name')
/** More pictures are drawn when they are asked for. */
const most = signal(120)

function visible(): HomeImage[] {
  const list = images.value.filter(({ state }) => shown.value === null || state === shown.value)
  return order.value === 'uncertainty' ? leastSureFirst(list) : list
}

export function Gallery() {
  const all = visible()
  return (
    <section class="gallery" aria-label="Images">
      <header>
        <div class="states" role="group" aria-label="Show images of a state">
          <button type="button" aria-pressed={shown.value === null} onClick={() => (shown.value = null)}>
            {count(counts.value.all, 'image')}
          </button>
          {states.map((state) => (
            <button
              type="button"
              key={state}
              aria-pressed={shown.value === state}
              class={`state-${state.replace(' ', '-')}`}
              onClick={() => (shown.value = shown.value === state ? null : state)}
            >
              <i class="dot" aria-hidden="true" />
              {counts.value[state]} {state === 'no proposals' ? 'without proposals' : state}
            </button>
          ))}
        </div>
        <label class="field">
          Order
          <select
            value={order.value}
            onChange={(event) => (order.value = event.currentTarget.value as 'name' | 'uncertainty')}
          >
            <option value="name">name</option>
            <option value="uncertainty">least sure first</option>
          </select>
        </label>
      </header>
      <ol>
        {all.slice(0, most.value).map((image) => (
          <Picture key={image.name} image={image} />
        ))}
      </ol>
      {!all.length && <p class="soft">No images of this state.</p>}
      {all.length > most.value && (
        <button type="button" onClick={() => (most.value += 240)}>
          Show more ({all.length - most.value})
        </button>
      )}
    </section>
  )
}

function Picture({ image }: { image: HomeImage }) {
  const { name, state, masks, uncertainty, problem, version } = image
  const source = `api/thumbnail?name=${encodeURIComponent(name)}&v=${encodeURIComponent(version)}`
  const inside = (
    <>
      <img src={source} alt="" loading="lazy" decoding="async" />
      <span class="name">{name}</span>
      <small class={problem ? 'bad' : ''}>
        <i class="dot" aria-hidden="true" />
        {problem ? 'cannot be read' : state}
        {masks !== null && state !== 'no proposals' ? `, ${count(masks, 'mask')}` : ''}
      </small>
    </>
  )
  const about =
    problem ?? (uncertainty === null ? name : `${name}: the model is sure of its masks to ${percent(1 - uncertainty)}`)
  const kind = `picture state-${problem ? 'problem' : state.replace(' ', '-')}`
  return (
    <li>
      {state === 'no proposals' || problem ? (
        <div class={kind} title={about}>
          {inside}
        </div>
      ) : (
        <a class={kind} title={about} href={`review/#${encodeURIComponent(name)}`}>
          {inside}
        </a>
      )}
    </li>
  )
}
