/** @file The size distribution beside the list: bins that select their masks, and D10, D50 and D90. */
import { signal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { LiveSizes } from '../../../measure/statistics/live-sizes'
import { count } from '../state/app'
import type { ImageSession } from '../state/image-session'
import { histogramOpen } from '../state/prefs'
import { number, unit } from '../state/scale'
import { ofAccepted, sizes } from '../state/sizes'

/** Size of the drawing in its own units; it is stretched to the panel's width. */
const [width, height] = [240, 72]

/** The place of a size on the axis, from 0 to `width`. */
function place({ scale, edges }: Pick<LiveSizes, 'scale' | 'edges'>, size: number): number {
  const to = (value: number) => (scale === 'log' ? Math.log(value) : value)
  const [low, high] = [to(edges[0]), to(edges[edges.length - 1])]
  return (width * (to(size) - low)) / (high - low)
}

const byVolume = signal(false)

export function Histogram({ session }: { session: ImageSession }) {
  const now = sizes.value
  const selection = session.selection.value
  const hover = session.hover.value
  const chosen = useMemo(() => {
    const inBin = new Map<number, number>()
    if (!now) return inBin
    for (const id of selection.size ? selection : [hover]) {
      const bin = now.live.binOf[now.indexOf.get(id) ?? -1] ?? -1
      if (bin >= 0) inBin.set(bin, (inBin.get(bin) ?? 0) + 1)
    }
    return inBin
  }, [now, selection, hover])
  return (
    <section class="histogram" aria-label="Sizes">
      <header>
        <button
          type="button"
          class="plain"
          aria-expanded={histogramOpen.value}
          title="Histogram of the diameters of circles of the same area"
          onClick={() => (histogramOpen.value = !histogramOpen.value)}
        >
          {histogramOpen.value ? '▾' : '▸'} Sizes
        </button>
        <Summary />
      </header>
      {histogramOpen.value && (now ? <Bars session={session} live={now.live} chosen={chosen} /> : <Nothing />)}
    </section>
  )
}

const Nothing = () => <p class="soft">No mask lies inside of the image.</p>

function Summary() {
  const now = sizes.value
  if (!now) return null
  const { d50 } = byVolume.value ? now.live.volume : now.live.number
  return (
    <span title="Half of the particles are smaller (by number), or half of their volume is in smaller ones (by volume)">
      D50 <b>{number(d50)}</b> {unit.value.shown}
    </span>
  )
}

function Bars({
  session,
  live,
  chosen,
}: {
  session: ImageSession
  live: LiveSizes
  chosen: ReadonlyMap<number, number>
}) {
  const { edges, counts, counted } = live
  const most = Math.max(...counts)
  const lines = byVolume.value ? live.volume : live.number
  const { indexOf, images, leftOut } = sizes.value!
  const select = (bin: number, add: boolean) => {
    const ids = [...indexOf].filter(([, index]) => live.binOf[index] === bin).map(([id]) => id)
    session.select(add ? [...session.selection.value, ...ids] : ids)
  }
  const shown = unit.value.shown
  return (
    <>
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="group" aria-label="Histogram of sizes">
        {counts.map((value, bin) => {
          const [left, right] = [place(live, edges[bin]), place(live, edges[bin + 1])]
          const tall = (height * value) / most
          const marked = (height * (chosen.get(bin) ?? 0)) / most
          const range = `${number(edges[bin])} to ${number(edges[bin + 1])} ${shown}: ${count(value, 'particle')}`
          return (
            <g
              key={bin}
              class="bin"
              role="button"
              tabIndex={value ? 0 : -1}
              aria-label={`${range}. Select them`}
              onClick={(event) => select(bin, event.shiftKey || event.ctrlKey || event.metaKey)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' && event.key !== ' ') return
                select(bin, event.shiftKey)
                event.preventDefault()
                event.stopPropagation()
              }}
            >
              <title>{range}</title>
              <rect class="catch" x={left} y={0} width={right - left} height={height} />
              <rect class="bar" x={left + 0.5} y={height - tall} width={right - left - 1} height={tall} />
              {marked > 0 && (
                <rect
                  class="marked"
                  x={left + 0.5}
                  y={height - Math.max(marked, 3)}
                  width={right - left - 1}
                  height={Math.max(marked, 3)}
                />
              )}
            </g>
          )
        })}
        {Object.values(lines).map((size, i) => (
          <line key={i} class="percentile" x1={place(live, size)} x2={place(live, size)} y1={0} y2={height} />
        ))}
      </svg>
      <div class="axis">
        <span>{number(edges[0])}</span>
        <span class="soft">
          {live.scale === 'log' ? 'logarithmic, ' : ''}
          {shown}
        </span>
        <span>{number(edges[edges.length - 1])}</span>
      </div>
      <dl>
        {(['d10', 'd90'] as const).map((name) => (
          <div key={name}>
            <dt>{name.toUpperCase()}</dt>
            <dd>{number(lines[name])}</dd>
          </div>
        ))}
        <div>
          <dt>n</dt>
          <dd title="Masks at the edge of the image are left out, and the others weighted for that, as in wgsam measure">
            {counted.toLocaleString('en')}
          </dd>
        </div>
      </dl>
      <div class="row">
        <select
          aria-label="Weights"
          value={byVolume.value ? 'volume' : 'number'}
          onChange={(event) => (byVolume.value = event.currentTarget.value === 'volume')}
        >
          <option value="number">by number</option>
          <option value="volume">by volume</option>
        </select>
        <select
          aria-label="Images of the histogram"
          value={ofAccepted.value ? 'accepted' : 'this'}
          onChange={(event) => (ofAccepted.value = event.currentTarget.value === 'accepted')}
        >
          <option value="this">this image</option>
          <option value="accepted">with all accepted</option>
        </select>
      </div>
      {ofAccepted.value && (
        <p class="soft">
          {count(images, 'image')}
          {leftOut > 0 && `; ${leftOut} left out, whose scale is ${unit.value.metres === null ? '' : 'not '}known`}
        </p>
      )}
    </>
  )
}
