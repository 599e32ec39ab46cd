/** @file Dice against rank and against learning rate, both on a logarithmic axis, as parts of a page and as a picture. */
import { type Series, lineChart } from '../drawing/chart'
import { escape } from '../text/escape'
import { percent } from '../report/evaluation-table'
import type { Column, Row } from './ablation-table'

interface Drawn {
  title: string
  /** Of which cells, where not of all. */
  of: string
  html: string
  series: Series[]
}

const COLOURS = 4
const ways: [Column, string][] = [
  ['pointDice', 'point prompts'],
  ['boxDice', 'box prompts'],
]

export function chartsOf(rows: readonly Row[]): Drawn[] {
  const done = rows.filter(({ values }) => values)
  return ways
    .flatMap(([column, way]) =>
      apart(done, column).flatMap(({ of, members }) => [
        drawn(`Dice against rank, ${way}, %`, of, 'rank', againstRank(members, column)),
        drawn(`Dice against learning rate, ${way}, %`, of, 'learning rate', againstRate(members, column)),
      ]),
    )
    .filter(({ of, series }) => !of || places(series) > 1)
}

/** How many ranks or rates some lines have; of one the table tells as much. */
const places = (series: readonly Series[]): number =>
  new Set(series.flatMap(({ points }) => points.map(([at]) => at))).size

/** Each set of targets in charts of its own, where all lines in one could not be told apart. */
function apart(rows: readonly Row[], column: Column): { of: string; members: Row[] }[] {
  const together = [{ of: '', members: [...rows] }]
  const most = Math.max(againstRank(rows, column).length, againstRate(rows, column).length)
  if (most <= COLOURS) return together
  return lines(rows, ({ cell: { targets } }) => targets.join('+')).map(({ name, members }) => ({ of: name, members }))
}

function drawn(title: string, of: string, x: string, raw: Series[]): Drawn {
  const series = raw.map((one, i) => ({
    ...one,
    colour: (i % COLOURS) + 1,
    points: one.points.map(([at, value]): [number, number] => [Math.log10(at), value]),
    style: one.style ?? (i < COLOURS ? ('solid' as const) : ('dashed' as const)),
  }))
  const marks = [...new Set(raw.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b)
  const ticks = marks.map((at): [number, string] => [Math.log10(at), String(at)])
  const html = lineChart({ title: of ? `${title}: ${of}` : title, x, series, ticks, format: (value) => percent(value) })
  return { title, of, series, html }
}

/** A line for each set of targets, scale and rate; a fully tuned one has no rank and lies across. */
function againstRank(rows: readonly Row[], column: Column): Series[] {
  const ranks = rows.flatMap(({ cell }) => cell.rank ?? [])
  if (!ranks.length) return []
  const across = [Math.min(...ranks), Math.max(...ranks)]
  return lines(rows, ({ cell: { kind, targets, scale, lr } }) => named(rows, kind, targets, scale, `lr ${lr}`)).map(
    ({ name, members }): Series => {
      const [{ cell, values }] = members
      const points = members.map((row): [number, number] => [row.cell.rank!, row.values![column].mean])
      if (cell.kind === 'lora') return { name, colour: 1, points: points.sort(byX) }
      const value = values![column].mean
      return { name, colour: 1, points: across.map((at): [number, number] => [at, value]), style: 'dashed' }
    },
  )
}

function againstRate(rows: readonly Row[], column: Column): Series[] {
  return lines(rows, ({ cell: { kind, targets, scale, rank } }) =>
    named(rows, kind, targets, scale, rank === null ? '' : `rank ${rank}`),
  ).map(({ name, members }) => ({
    name,
    colour: 1,
    points: members.map(({ cell, values }): [number, number] => [cell.lr, values![column].mean]).sort(byX),
  }))
}

const byX = ([a]: [number, number], [b]: [number, number]) => a - b

/** What differs among the rows is named. */
function named(rows: readonly Row[], kind: string, targets: readonly string[], scale: string | null, more: string) {
  const several = (of: (row: Row) => unknown) => new Set(rows.map(of)).size > 1
  return [
    kind === 'full' ? 'full' : 'LoRA',
    several(({ cell }) => cell.targets.join()) ? targets.join('+') : '',
    scale && several(({ cell }) => cell.scale) ? `scale ${scale}` : '',
    more,
  ]
    .filter(Boolean)
    .join(', ')
}

function lines(rows: readonly Row[], nameOf: (row: Row) => string): { name: string; members: Row[] }[] {
  const names = [...new Set(rows.map(nameOf))]
  return names.map((name) => ({ name, members: rows.filter((row) => nameOf(row) === name) }))
}

const [WIDTH, HEIGHT, LINE] = [460, 260, 17]
const colours = ['#1769d1', '#d1590b', '#6b4fc9', '#12805c']

/** All charts in one SVG file that needs no page around it; empty where there is nothing to draw. */
export function picture(charts: readonly Drawn[]): string {
  const shown = charts.filter(({ html }) => html)
  if (!shown.length) return ''
  const legend = Math.max(...shown.map(({ series }) => series.length)) + +shown.some(({ of }) => of)
  const [cellWidth, cellHeight] = [WIDTH + 30, HEIGHT + 40 + LINE * legend]
  const drawings = shown.map(({ title, of, html, series }, i) => {
    const [x, y] = [15 + (i % 2) * cellWidth, 10 + Math.floor(i / 2) * cellHeight]
    const inner = /<svg[^>]*>([\s\S]*)<\/svg>/.exec(html)![1]
    const top = of ? 28 + LINE : 28
    const names = series.map(({ name, colour, style }, k) => {
      const y = top + LINE * k
      return `<path class="s${colour} ${style}" d="M0 ${y}h24"/><text x="32" y="${y + 4}">${escape(name)}</text>`
    })
    const cells = of && `<text y="30">${escape(of)}</text>`
    return `<g transform="translate(${x} ${y})"><text class="title" y="12">${escape(title)}</text>${cells}${names.join('')}<g transform="translate(0 ${30 + LINE * legend})">${inner}</g></g>`
  })
  const [width, height] = [2 * cellWidth, 10 + Math.ceil(shown.length / 2) * cellHeight]
  const style = `text{fill:#5b6470;font:12px system-ui,sans-serif}.title{fill:#1b1f24;font-weight:600;font-size:14px}.grid{stroke:#dfe3e8}path{fill:none;stroke-width:2}path.dashed{stroke-dasharray:6 4}${colours.map((c, i) => `path.s${i + 1}{stroke:${c}}circle.s${i + 1}{fill:${c}}`).join('')}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"><style>${style}</style><rect width="100%" height="100%" fill="#fff"/>${drawings.join('\n')}</svg>\n`
}
