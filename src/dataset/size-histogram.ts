/** @file Histograms of a dataset's statistics as SVG, for a separate file or for the page. */
import { escape } from '../text/escape'

export interface Histogram {
  /** Borders of the bins, one more than counts. */
  edges: number[]
  counts: number[]
  /** True if the bins have equal widths on a logarithmic scale. */
  log: boolean
}

/** If the largest value is more than this many times the smallest, the bins are logarithmic. */
const LOG_RANGE = 12

/** Bins over the whole range of the values, by default the square root of their number of them (5 to 32). Empty for no values. */
export function histogram(values: readonly number[], bins = binsFor(values.length)): Histogram {
  let [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity])
  if (!values.length) return { edges: [], counts: [], log: false }
  if (low === high) [low, high] = [low - 0.5, high + 0.5]
  const log = low > 0 && high / low > LOG_RANGE
  const [from, to] = log ? [Math.log(low), Math.log(high)] : [low, high]
  const edges = Array.from({ length: bins + 1 }, (_, i) => {
    const edge = from + ((to - from) * i) / bins
    return log ? Math.exp(edge) : edge
  })
  const counts = new Array<number>(bins).fill(0)
  for (const value of values) {
    const place = ((log ? Math.log(value) : value) - from) / (to - from)
    counts[Math.min(bins - 1, Math.max(0, Math.floor(place * bins)))]++
  }
  return { edges, counts, log }
}

const binsFor = (count: number) => Math.min(32, Math.max(5, Math.ceil(Math.sqrt(count))))

const [WIDTH, HEIGHT] = [460, 260]
const AREA = { left: 52, right: 14, top: 14, bottom: 36 }

/** The histogram as SVG; '' if there are no values. @param x label of the horizontal axis */
export function histogramSvg({ edges, counts, log }: Histogram, title: string, x: string): string {
  if (!counts.length) return ''
  const [low, high] = [edges[0], edges[edges.length - 1]]
  const scale = (value: number) => (log ? Math.log(value) : value)
  const px = (value: number) =>
    AREA.left + ((scale(value) - scale(low)) / (scale(high) - scale(low))) * (WIDTH - AREA.left - AREA.right)
  const most = Math.max(...counts)
  const py = (count: number) => HEIGHT - AREA.bottom - (count / most) * (HEIGHT - AREA.top - AREA.bottom)
  const bars = counts.map((count, i) => {
    const [left, right] = [px(edges[i]), px(edges[i + 1])]
    const name = `${short(edges[i])} to ${short(edges[i + 1])}: ${count}`
    return `<rect class="bar" x="${n(left)}" y="${n(py(count))}" width="${n(Math.max(0.5, right - left - 1))}" height="${n(py(0) - py(count))}"><title>${name}</title></rect>`
  })
  const marks = (log ? logTicks(low, high) : linearTicks(low, high)).map(
    (value) => `<text x="${n(px(value))}" y="${HEIGHT - AREA.bottom + 17}" text-anchor="middle">${short(value)}</text>`,
  )
  const levels = linearTicks(0, most)
    .filter(Number.isInteger)
    .map(
      (count) =>
        `<line class="grid" x1="${AREA.left}" x2="${WIDTH - AREA.right}" y1="${n(py(count))}" y2="${n(py(count))}"/>` +
        `<text x="${AREA.left - 7}" y="${n(py(count) + 4)}" text-anchor="end">${count}</text>`,
    )
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">` +
    `<style>svg text{fill:#5b6470;font:12px system-ui,sans-serif}.grid{stroke:#dfe3e8}.bar{fill:#1769d1}` +
    `@media (prefers-color-scheme:dark){svg text{fill:#a3abb6}.grid{stroke:#343a43}.bar{fill:#6cb0ff}}</style>` +
    `${levels.join('')}${bars.join('')}${marks.join('')}` +
    `<text x="${WIDTH - AREA.right}" y="${HEIGHT - 4}" text-anchor="end">${escape(x)}</text></svg>`
  )
}

const n = (value: number) => String(Math.round(value * 10) / 10)
const short = (value: number) => String(Number(value.toPrecision(3)))

/** About four round numbers within a range. */
function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999)!
  const first = Math.ceil(low / step - 1e-9)
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step)
}

/** 1, 2 and 5 times the powers of ten within a range; for a wide range only the powers. */
function logTicks(low: number, high: number): number[] {
  const factors = high / low > 2000 ? [1] : [1, 2, 5]
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const factor of factors) ticks.push(factor * 10 ** power)
  return ticks.filter((value) => value >= low && value <= high)
}
