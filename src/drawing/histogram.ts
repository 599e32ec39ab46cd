/** @file Histograms and cumulative curves with intervals, as SVG: inline in a page, or as separate files. */
import { axis } from './chart'
import { escape } from '../text/escape'

/** A value, and its interval if it has one. */
export interface ValueWithInterval {
  value: number
  low?: number
  high?: number
}

export interface Scale {
  title: string
  /** The label of the horizontal axis, with its unit. */
  x: string
  log?: boolean
  /** Values marked by a vertical line with a short name, such as D50; those beyond the axis are left out. */
  marks?: readonly { at: number; name: string }[]
}

export interface CumulativeSeries {
  name: string
  /** The number of one of the page's series colours, from 1. */
  colour: number
  edges: readonly number[]
  /** The fraction below each edge, so one more than there are bins. */
  below: readonly ValueWithInterval[]
}

const [WIDTH, HEIGHT] = [460, 260]
const AREA = { left: 48, right: 14, top: 14, bottom: 38 }
/** The room that a name such as D90 needs beside its line. */
const NAME_WIDTH = 28

/** CSS rules for histograms, in addition to the page's style sheet. */
export const histogramStyle = `
${[1, 2, 3, 4].map((i) => `svg rect.s${i} { fill: var(--s${i}); opacity: 0.75; } svg path.band.s${i} { fill: var(--s${i}); stroke: none; opacity: 0.18; }`).join('\n')}
svg :is(.mark, .whisker) { pointer-events: none; } svg path.mark { stroke: var(--soft); stroke-width: 1; } svg rect[data-from] { cursor: pointer; } svg rect.chosen { opacity: 1; }
svg path.whisker { stroke: var(--ink); stroke-width: 1.2; opacity: 0.7; }
`

/** A bar for the fraction in each bin, in percent, with a whisker for each interval. */
export function histogram(
  { title, x, log = false, marks = [] }: Scale,
  edges: readonly number[],
  shares: readonly ValueWithInterval[],
  colour = 1,
): string {
  const place = horizontal(edges[0], edges[edges.length - 1], log)
  const ys = axis([0, ...shares.map(({ value, high }) => 100 * Math.max(value, high ?? 0))])
  const py = vertical(ys.low, ys.high)
  const bars = shares.map(({ value, low, high }, i) => {
    const [left, right] = [place.x(edges[i]), place.x(edges[i + 1])]
    const top = py(100 * value)
    const bar = `<rect class="s${colour}" x="${n(left + 0.5)}" y="${n(top)}" width="${n(Math.max(0.5, right - left - 1))}" height="${n(py(0) - top)}" data-from="${edges[i]}" data-to="${edges[i + 1]}"/>`
    if (low === undefined || high === undefined || high <= low) return bar
    const middle = n((left + right) / 2)
    return `${bar}<path class="whisker" d="M${middle} ${n(py(100 * low))}V${n(py(100 * high))}"/>`
  })
  return svg(title, [rows(ys.ticks, py), place.marks, label(x), ...bars, named(marks, place)])
}

/** A line for each series: the fraction below each edge, in percent, with a band for the intervals. */
export function cumulative({ title, x, log = false, marks = [] }: Scale, series: readonly CumulativeSeries[]): string {
  const all = series.flatMap(({ edges }) => [edges[0], edges[edges.length - 1]])
  const place = horizontal(Math.min(...all), Math.max(...all), log)
  const py = vertical(0, 100)
  const point = (edge: number, share: number) => `${n(place.x(edge))} ${n(py(100 * share))}`
  const drawn = series.map(({ colour, edges, below }) => {
    const line = edges.map((edge, i) => point(edge, below[i].value))
    const upper = edges.map((edge, i) => point(edge, below[i].high ?? below[i].value))
    const lower = edges.map((edge, i) => point(edge, below[i].low ?? below[i].value)).reverse()
    const band = below.some(({ low }) => low !== undefined)
      ? `<path class="band s${colour}" d="M${[...upper, ...lower].join('L')}Z"/>`
      : ''
    return `${band}<path class="s${colour}" d="M${line.join('L')}"/>`
  })
  return svg(title, [rows([0, 10, 50, 90, 100], py), place.marks, label(x), ...drawn, named(marks, place)])
}

/** Dashed vertical lines with names at their upper ends; where two names would overlap, the second is one line lower. */
function named(
  marks: readonly { at: number; name: string }[],
  { x, holds }: { x(value: number): number; holds(value: number): boolean },
): string {
  let [taken, line] = [-Infinity, 0]
  return marks
    .filter(({ at }) => holds(at))
    .map(({ at, name }) => {
      const place = x(at)
      // at the right edge a name stands before its line, so that it is not cut off
      const before = place > WIDTH - AREA.right - NAME_WIDTH
      const start = before ? place - NAME_WIDTH : place + 3
      line = start < taken ? line + 1 : 0
      taken = start + NAME_WIDTH
      const text = before ? `x="${n(place - 3)}" text-anchor="end"` : `x="${n(place + 3)}"`
      return (
        `<path class="mark dashed" d="M${n(place)} ${AREA.top}V${HEIGHT - AREA.bottom}"/>` +
        `<text class="mark" ${text} y="${AREA.top + 9 + 13 * line}">${escape(name)}</text>`
      )
    })
    .join('')
}

/** An HTML figure: title, legend if there are several series, SVG. */
export function figure(title: string, drawing: string, keys: readonly { name: string; colour: number }[] = []): string {
  const legend = keys.map(({ name, colour }) => `<span class="key s${colour}">${escape(name)}</span>`).join('')
  return `<figure class="chart"><figcaption><b>${escape(title)}</b>${keys.length > 1 ? legend : ''}</figcaption>${drawing}</figure>`
}

/** An inline SVG as the content of a separate SVG file: with its own style, on white. */
export function standalone(drawing: string, keys: readonly { name: string; colour: number }[] = []): string {
  const colours = ['#1769d1', '#d1590b', '#6b4fc9', '#12805c']
  const rules = colours.map(
    (colour, i) =>
      `path.s${i + 1}{stroke:${colour}}rect.s${i + 1}{fill:${colour};opacity:.75}path.band.s${i + 1}{fill:${colour};stroke:none;opacity:.18}text.s${i + 1}{fill:${colour}}`,
  )
  const style = `text{font:12px sans-serif;fill:#444}path{fill:none;stroke-width:2;stroke-linejoin:round}.grid{stroke:#ddd}.mark{stroke:#777;stroke-width:1;stroke-dasharray:4 3}text.mark{stroke:none}.whisker{stroke:#222;stroke-width:1.2;opacity:.7}${rules.join('')}`
  const legend =
    keys.length > 1
      ? keys.map(
          ({ name, colour }, i) =>
            `<text class="s${colour}" x="${AREA.left + 8}" y="${AREA.top + 12 + 15 * i}">${escape(name)}</text>`,
        )
      : []
  return drawing
    .replace('<svg ', `<svg xmlns="http://www.w3.org/2000/svg" width="${2 * WIDTH}" height="${2 * HEIGHT}" `)
    .replace('>', `><style>${style}</style><rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`)
    .replace('</svg>', `${legend.join('')}</svg>\n`)
}

const svg = (title: string, parts: readonly string[]) =>
  `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">${parts.join('')}</svg>`

const label = (x: string) =>
  `<text class="axis" x="${WIDTH - AREA.right}" y="${HEIGHT - 4}" text-anchor="end">${escape(x)}</text>`

const vertical = (low: number, high: number) => (value: number) =>
  HEIGHT - AREA.bottom - ((value - low) / (high - low)) * (HEIGHT - AREA.top - AREA.bottom)

const rows = (ticks: readonly number[], py: (value: number) => number) =>
  ticks
    .map(
      (tick) =>
        `<line class="grid" x1="${AREA.left}" x2="${WIDTH - AREA.right}" y1="${n(py(tick))}" y2="${n(py(tick))}"/>` +
        `<text x="${AREA.left - 6}" y="${n(py(tick) + 4)}" text-anchor="end">${tickText(tick)} %</text>`,
    )
    .join('')

/** The horizontal axis: maps values to x coordinates, and its tick labels. */
function horizontal(low: number, high: number, log: boolean) {
  const on = log ? Math.log10 : (value: number) => value
  const [from, to] = [on(low), on(high)]
  const x = (value: number) => AREA.left + ((on(value) - from) / (to - from || 1)) * (WIDTH - AREA.left - AREA.right)
  const inside = (ticks: number[]) => ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9))
  const marks = inside(log ? logTicks(low, high, inside) : axis([low, high], 6).ticks)
    .map(
      (tick) =>
        `<text x="${n(x(tick))}" y="${HEIGHT - AREA.bottom + 17}" text-anchor="middle">${tickText(tick)}</text>`,
    )
    .join('')
  const holds = (value: number) => value >= low && value <= high
  return { x, marks, holds }
}

/** Powers of ten, with multiples between them until at least four lie in the range; a linear axis's ticks if none of them does. */
function logTicks(low: number, high: number, inside: (ticks: number[]) => number[]): number[] {
  for (const steps of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7]]) {
    const ticks: number[] = []
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const step of steps) ticks.push(Number((step * 10 ** power).toPrecision(3)))
    if (inside(ticks).length >= 4) return ticks
  }
  return axis([low, high], 5).ticks
}

const n = (value: number) => String(Math.round(value * 10) / 10)
const tickText = (value: number) => String(Number(value.toPrecision(6)))
