/**
 * @file The roofline plot: the arithmetic intensity (FLOPs per byte) and the rate of every operation, below the limits of the
 * adapter's memory bandwidth and arithmetic. Both axes are logarithmic. Operations without counted FLOPs are omitted.
 */
import { escape } from '../src/text/escape'
import { standalone } from '../src/drawing/histogram'
import type { BenchFile, MicroRow } from './results'

const [WIDTH, HEIGHT] = [460, 260]
const AREA = { left: 52, right: 30, top: 14, bottom: 38 }

/** Groups of operations, by colour. Operations that match no other group are in the last one. */
const families = ['matrix products', 'LoRA layers', 'attention', 'others'] as const
const familyOf = (name: string): number =>
  [/^gemm /, /^lora /, /attention /].findIndex((pattern) => pattern.test(name)) + 1 || families.length

/** The plot as an SVG file; null if no row has both FLOPs and bytes, or no peaks were measured. */
export function roofline({ rows, peaks, hardware }: Pick<BenchFile, 'rows' | 'peaks' | 'hardware'>): string | null {
  const points = rows.filter((row): row is MicroRow => row.kind === 'micro' && row.gflops > 0 && row.gbs > 0)
  if (!peaks || !points.length) return null
  const { copy, multiplyAdd, gemm } = peaks
  const ridge = multiplyAdd / copy
  const intensity = ({ flops, bytes }: MicroRow) => flops / bytes
  const xs = decades([...points.map(intensity), ridge])
  const ys = decades([...points.map(({ gflops }) => gflops), multiplyAdd])
  const px = scale(xs, AREA.left, WIDTH - AREA.right)
  const py = scale(ys, HEIGHT - AREA.bottom, AREA.top)
  const at = (x: number, y: number) => `${n(px(x))} ${n(py(y))}`
  // where the slope enters the plot
  const from = Math.max(xs[0], ys[0] / copy)
  const roof = `<path class="whisker" d="M${at(from, from * copy)}L${at(ridge, multiplyAdd)}H${n(px(xs[1]))}"/>`
  const gemmLine =
    gemm > ys[0] ? `<path class="grid" stroke-dasharray="5 4" d="M${at(xs[0], gemm)}H${n(px(xs[1]))}"/>` : ''
  const dots = points.map((row) => {
    const what = escape(`${row.name}: ${row.gflops.toPrecision(3)} GFLOP/s`)
    const [x, y] = [px(intensity(row)), py(row.gflops)]
    return `<rect class="s${familyOf(row.name)}" x="${n(x - 2.5)}" y="${n(y - 2.5)}" width="5" height="5"><title>${what}</title></rect>`
  })
  const text = (x: number, y: number, anchor: string, words: string) =>
    `<text x="${n(x)}" y="${n(y)}" text-anchor="${anchor}">${escape(words)}</text>`
  const marks = [
    ...powers(xs).map((power) => text(px(power), HEIGHT - AREA.bottom + 17, 'middle', number(power))),
    ...powers(ys).map(
      (power) =>
        `<line class="grid" x1="${AREA.left}" x2="${WIDTH - AREA.right}" y1="${n(py(power))}" y2="${n(py(power))}"/>` +
        text(AREA.left - 6, py(power) + 4, 'end', number(power)),
    ),
    text(WIDTH - AREA.right, HEIGHT - 4, 'end', 'FLOPs per byte'),
    text(AREA.left, HEIGHT - 4, 'start', `GFLOP/s; ${hardware.adapter}`),
    text(px(xs[1]), py(multiplyAdd) - 5, 'end', `multiply-add ${number(multiplyAdd)}`),
    gemm > ys[0] ? text(px(xs[1]), py(gemm) - 5, 'end', `large matrix product ${number(gemm)}`) : '',
  ]
  const used = new Set(points.map(({ name }) => familyOf(name)))
  // the legend is at the bottom right, where points are rarest
  const keys = families
    .map((name, i) => ({ name, colour: i + 1 }))
    .filter(({ colour }) => used.has(colour))
    .reverse()
    .map(({ name, colour }, i) => {
      const y = HEIGHT - AREA.bottom - 10 - 15 * i
      return `<text class="s${colour}" x="${WIDTH - AREA.right - 6}" y="${y}" text-anchor="end">${name}</text>`
    })
  const picture = `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(`Roofline of ${hardware.adapter}`)}">${[...marks, roof, gemmLine, ...keys, ...dots].join('')}</svg>`
  return standalone(picture)
}

const n = (value: number) => String(Math.round(value * 10) / 10)
const number = (value: number) => String(Number(value.toPrecision(3)))

/** The powers of ten around the values. */
function decades(values: readonly number[]): [number, number] {
  const logs = values.map(Math.log10)
  // one more power above the maximum leaves room for labels
  return [10 ** Math.floor(Math.min(...logs)), 10 ** (Math.floor(Math.max(...logs)) + 1)]
}

function powers([low, high]: readonly [number, number]): number[] {
  const count = Math.round(Math.log10(high / low))
  return Array.from({ length: count + 1 }, (_, i) => low * 10 ** i)
}

/** Maps values from a logarithmic axis to coordinates. */
function scale([low, high]: readonly [number, number], from: number, to: number) {
  return (value: number) => from + (Math.log10(value / low) / Math.log10(high / low)) * (to - from)
}
