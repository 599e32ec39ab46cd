/** @file Line charts as inline SVG without scripts, coloured by the page's style sheet. */
import { escape } from '../text/escape'

export interface Series {
  name: string
  points: [number, number][]
  /** The number of one of the page's series colours, from 1. */
  colour: number
  /** 'faint': a thin line that is not in the legend. */
  style?: 'solid' | 'dashed' | 'faint'
}

export interface Chart {
  title: string
  x: string
  series: Series[]
  /** Formats the tick labels of the vertical axis. */
  format?: (value: number) => string
  /** A value that the vertical axis must include; by default it covers the data. */
  from?: number
  /** Values that the horizontal axis must include; by default it covers the data. */
  through?: number[]
  /** Positions and labels of the ticks of the horizontal axis, such as those of a logarithmic one; round numbers by default. */
  ticks?: [number, string][]
}

const [WIDTH, HEIGHT] = [460, 260]
const AREA = { left: 52, right: 14, top: 14, bottom: 36 }
const MAX_POINTS = 300

/** The chart as HTML; empty if no series has a point. */
export function lineChart({ title, x, series, format = tick, from, through = [], ticks }: Chart): string {
  const drawn = series.filter(({ points }) => points.length)
  if (!drawn.length) return ''
  const all = drawn.flatMap(({ points }) => points)
  const xs = ticks ? rangeOfTicks(ticks) : axis([...all.map(([at]) => at), ...through])
  const ys = axis([...all.map(([, value]) => value), ...(from === undefined ? [] : [from])])
  const px = (at: number) => AREA.left + ((at - xs.low) / (xs.high - xs.low)) * (WIDTH - AREA.left - AREA.right)
  const py = (v: number) =>
    HEIGHT - AREA.bottom - ((v - ys.low) / (ys.high - ys.low)) * (HEIGHT - AREA.top - AREA.bottom)
  const grid = ys.ticks.map(
    (v) =>
      `<line class="grid" x1="${AREA.left}" x2="${WIDTH - AREA.right}" y1="${n(py(v))}" y2="${n(py(v))}"/>` +
      `<text x="${AREA.left - 7}" y="${n(py(v) + 4)}" text-anchor="end">${escape(format(v))}</text>`,
  )
  const marks = (ticks ?? xs.ticks.map((v): [number, string] => [v, tick(v)])).map(
    ([v, text]) => `<text x="${n(px(v))}" y="${HEIGHT - AREA.bottom + 17}" text-anchor="middle">${escape(text)}</text>`,
  )
  const lines = drawn.map(({ points, colour, style = 'solid' }) => {
    const kept = thin(points)
    const path = kept.map(([at, v], i) => `${i ? 'L' : 'M'}${n(px(at))} ${n(py(v))}`).join('')
    // a short series gets a dot on each point
    const dots =
      kept.length <= 20 && style !== 'faint'
        ? kept.map(([at, v]) => `<circle class="s${colour}" cx="${n(px(at))}" cy="${n(py(v))}" r="2.6"/>`).join('')
        : ''
    return `<path class="s${colour} ${style}" d="${path}"/>${dots}`
  })
  const legend = drawn
    .filter(({ style }) => style !== 'faint')
    .map(({ name, colour, style }) => `<span class="key s${colour} ${style ?? ''}">${escape(name)}</span>`)
  return (
    `<figure class="chart"><figcaption><b>${escape(title)}</b>${legend.length > 1 ? legend.join('') : ''}</figcaption>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">${grid.join('')}${marks.join('')}` +
    `<text class="axis" x="${WIDTH - AREA.right}" y="${HEIGHT - 4}" text-anchor="end">${escape(x)}</text>` +
    `${lines.join('')}</svg></figure>`
  )
}

const n = (value: number) => String(Math.round(value * 10) / 10)
const tick = (value: number) => String(Number(value.toPrecision(6)))

/** The range from the first tick to the last, with a margin. */
function rangeOfTicks(ticks: readonly [number, string][]) {
  const [low, high] = [ticks[0][0], ticks[ticks.length - 1][0]]
  const room = (high - low || 1) / 20
  return { low: low - room, high: high + room, ticks: [] as number[] }
}

/** A range with round ends that covers the values, and round tick values in it, about `parts` steps apart. */
export function axis(values: readonly number[], parts = 4): { low: number; high: number; ticks: number[] } {
  // not Math.min(...values): a long run has more values than a call can take arguments
  let [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity])
  // measures that are 0 everywhere are not negative anywhere
  if (low === 0 && high === 0) high = 1
  if (low === high) [low, high] = [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2]
  const rough = (high - low) / parts
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999)!
  const first = Math.floor(low / step + 1e-9)
  const last = Math.ceil(high / step - 1e-9)
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
  return { low: first * step, high: last * step, ticks }
}

/** Averages groups of neighbouring points down to MAX_POINTS, so that the curve of a long run stays small. */
function thin(points: [number, number][]): [number, number][] {
  const size = Math.ceil(points.length / MAX_POINTS)
  if (size <= 1) return points
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const part = points.slice(i * size, (i + 1) * size)
    return [mean(part.map(([at]) => at)), mean(part.map(([, v]) => v))]
  })
}

/** The exponential moving average with the given decay, as training prints it. */
export function smooth(points: readonly [number, number][], memory = 0.9): [number, number][] {
  let kept: number | undefined
  return points.map(([at, value]) => {
    kept = kept === undefined ? value : memory * kept + (1 - memory) * value
    return [at, kept]
  })
}
