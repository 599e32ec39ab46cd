/** @file The list of masks, of which only the visible lines are rendered, and a form that selects masks by a measure. */
import type { ReviewMask } from '../../../project/review/review-records'
import { computed, signal } from '@preact/signals'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { css } from '../image/mask-colours'
import { maskRegion } from '../../../../engine/masks/mask'
import { count } from '../state/app'
import { ordered } from '../state/order'
import { openMenu } from '../state/menu'
import { descending, sort, type SortKey } from '../state/prefs'
import { diameterOf, sizeNumber, unit } from '../state/scale'
import { iouDetails, shownIou } from '../state/shown-iou'
import type { MaskEntry, ImageSession } from '../state/image-session'
import { ClassChips } from './classes'
import { Histogram } from './histogram'
import { layoutColumns, type OptionalColumn } from './mask-columns'

const lineHeight = 26

const columns = computed<{ key: SortKey; label: string; title: string }[]>(() => [
  { key: 'suspicion', label: '!', title: 'Suspicious first: low predicted IoU and stability' },
  { key: 'id', label: '#', title: 'Number' },
  unit.value.metres === null
    ? { key: 'area', label: 'Area', title: 'Area in pixels' }
    : {
        key: 'area',
        label: `⌀ ${unit.value.shown}`,
        title: `Diameter in ${unit.value.shown} of a circle of the same area`,
      },
  {
    key: 'iou',
    label: 'IoU',
    title: 'Predicted IoU: the model’s estimate of the mask’s quality, calibrated if the adapter is',
  },
  { key: 'stability', label: 'Stab.', title: 'Stability: how little the mask changes with the threshold' },
])

/** Made once: all sizes are written to find the widest. */
const whole = new Intl.NumberFormat('en')

/** The size that the list shows. */
const sizeText = (area: number) => (unit.value.metres === null ? whole.format(area) : sizeNumber(diameterOf(area)))

const isOptional = (key: SortKey): key is OptionalColumn => key === 'iou' || key === 'stability'

const sortBy = (key: SortKey) => {
  if (sort.value === key) descending.value = !descending.value
  else {
    sort.value = key
    descending.value = false
  }
}

const measure = (value: number | null) => (value === null ? '–' : value.toFixed(2))

export function Masks({ session }: { session: ImageSession }) {
  const list = ordered.value
  const box = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [height, setHeight] = useState(600)
  const [width, setWidth] = useState(260)
  useEffect(() => {
    const observer = new ResizeObserver(() => {
      setHeight(box.current?.clientHeight ?? 600)
      setWidth(box.current?.offsetWidth ?? 260)
    })
    observer.observe(box.current!)
    return () => observer.disconnect()
  }, [])
  const selection = session.selection.value
  const only = selection.size === 1 ? [...selection][0] : 0
  useEffect(() => {
    const at = only ? list.findIndex(({ id }) => id === only) : -1
    const element = box.current
    if (at < 0 || !element) return
    const y = at * lineHeight
    if (y < element.scrollTop || y + lineHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = y - element.clientHeight / 2
  }, [only, list])
  const first = Math.max(0, Math.floor(top / lineHeight) - 5)
  const last = Math.min(list.length, Math.ceil((top + height) / lineHeight) + 5)
  const layout = useMemo(() => {
    const digits = `${list.reduce((most, { id }) => Math.max(most, id), 0)}`.length
    const size = list.reduce((most, { area }) => Math.max(most, sizeText(area).length), 0)
    return layoutColumns(width, digits, size)
  }, [list, width, unit.value])
  const { shown } = layout
  return (
    <section class="masks" aria-label="Masks" style={{ '--columns': layout.template }}>
      <ClassChips session={session} />
      <div class="columns" role="group" aria-label="Order">
        {columns.value
          .filter(({ key }) => !isOptional(key) || shown.includes(key))
          .map(({ key, label, title }) => (
            <button
              type="button"
              class={`column-${key}`}
              title={title}
              aria-label={`${label}: Sort by ${title}`}
              aria-pressed={sort.value === key}
              onClick={() => sortBy(key)}
            >
              {label}
              {sort.value === key && <span aria-hidden="true">{descending.value ? ' ↓' : ' ↑'}</span>}
            </button>
          ))}
      </div>
      <div
        ref={box}
        class="lines"
        role="listbox"
        tabIndex={0}
        aria-activedescendant={only ? `mask-${only}` : undefined}
        aria-multiselectable="true"
        aria-label={count(list.length, 'mask')}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onPointerLeave={() => (session.hover.value = 0)}
      >
        <div style={{ height: `${list.length * lineHeight}px` }} role="presentation">
          {list.slice(first, last).map((entry, i) => (
            <Line
              key={entry.id}
              session={session}
              entry={entry}
              top={(first + i) * lineHeight}
              list={list}
              shown={shown}
            />
          ))}
        </div>
      </div>
      <Histogram session={session} />
      <Chooser session={session} />
    </section>
  )
}

/** The id at which a Shift+click's range starts. */
let anchor = 0

function Line({
  session,
  entry,
  top,
  list,
  shown,
}: {
  session: ImageSession
  entry: MaskEntry
  top: number
  list: MaskEntry[]
  shown: readonly OptionalColumn[]
}) {
  const { id, area, review } = entry
  const { className, locked, comment } = session.marksOf(id)
  const notes = [className, locked && 'locked', comment].filter(Boolean).join('; ')
  const chosen = session.selection.value.has(id)
  const choose = (event: MouseEvent) => {
    const from = list.findIndex((other) => other.id === anchor)
    const to = list.indexOf(entry)
    if (event.shiftKey && from >= 0)
      session.select(list.slice(Math.min(from, to), Math.max(from, to) + 1).map((other) => other.id))
    else {
      anchor = id
      if (event.ctrlKey || event.metaKey) session.toggle([id])
      else session.select([id])
    }
    session.viewport.show(maskRegion(entry.mask))
  }
  return (
    <div
      class={`mask-line${session.hover.value === id ? ' hover' : ''}${comment ? ' commented' : ''}`}
      style={{ top: `${top}px` }}
      id={`mask-${id}`}
      role="option"
      aria-selected={chosen}
      title={`${madeBy(review)}${notes && `\n${notes}`}`}
      onClick={choose}
      onContextMenu={(event) => {
        event.preventDefault()
        if (!session.selection.value.has(id)) session.select([id])
        openMenu([event.clientX, event.clientY])
      }}
      onPointerEnter={() => (session.hover.value = id)}
    >
      <i
        class={locked ? 'swatch locked' : 'swatch'}
        style={{ background: css(session.colourOf(id)) }}
        aria-hidden="true"
      />
      <span>{id}</span>
      <span title={`area ${whole.format(area)} px`}>{sizeText(area)}</span>
      {shown.includes('iou') && <span title={iouDetails(review)}>{measure(shownIou(review))}</span>}
      {shown.includes('stability') && <span>{measure(review.stability)}</span>}
    </div>
  )
}

type Measure = 'diameter' | 'area' | 'iou' | 'stability'
const wanted = signal<Measure | null>(null)
const chosenMeasure = computed<Measure>(() => wanted.value ?? (unit.value.metres === null ? 'area' : 'diameter'))
const below = signal(true)
const limit = signal('')

const value = ({ area, review }: MaskEntry) =>
  ({
    diameter: () => diameterOf(area),
    area: () => area,
    iou: () => shownIou(review),
    stability: () => review.stability,
  })[chosenMeasure.value]()

/** A form that selects the masks below or above a limit. */
function Chooser({ session }: { session: ImageSession }) {
  const bound = limit.value.trim() === '' ? NaN : Number(limit.value)
  const found = matching.value
  return (
    <form
      class="chooser"
      onSubmit={(event) => {
        event.preventDefault()
        session.select(found.map(({ id }) => id))
        // remove the focus from the form, so that keys act on the selection
        ;(document.activeElement as HTMLElement | null)?.blur()
      }}
    >
      <select
        aria-label="Measure"
        value={chosenMeasure.value}
        onChange={(event) => (wanted.value = event.currentTarget.value as Measure)}
      >
        <option value="diameter">⌀ {unit.value.shown}</option>
        <option value="area">area</option>
        <option value="iou">IoU</option>
        <option value="stability">stability</option>
      </select>
      <select
        aria-label="Below or above"
        value={below.value ? '<' : '>'}
        onChange={(event) => (below.value = event.currentTarget.value === '<')}
      >
        <option>{'<'}</option>
        <option>{'>'}</option>
      </select>
      <input
        type="text"
        inputMode="decimal"
        aria-label="Limit"
        placeholder={chosenMeasure.value === 'iou' || chosenMeasure.value === 'stability' ? '0.9' : '50'}
        value={limit.value}
        onInput={(event) => (limit.value = event.currentTarget.value)}
        aria-invalid={limit.value !== '' && !Number.isFinite(bound)}
      />
      <button type="submit" disabled={!found.length} title="Select these masks; Del then removes them">
        Select {Number.isFinite(bound) ? found.length : ''}
      </button>
    </form>
  )
}

const matching = computed(() => {
  const bound = limit.value.trim() === '' ? NaN : Number(limit.value)
  return ordered.value.filter((entry) => {
    const own = value(entry)
    return own !== null && (below.value ? own < bound : own > bound)
  })
})

/** What made a mask, for its tooltip. */
function madeBy({ origin, source }: ReviewMask): string {
  if (origin !== 'proposal' && origin !== 'refilter') return `made by: ${origin}`
  const who =
    source === 'watershed'
      ? 'a watershed, without the model'
      : source === 'imported'
        ? 'an imported label'
        : 'the model'
  return origin === 'proposal' ? `unchanged proposal of ${who}` : `brought back by the filter: of ${who}`
}
