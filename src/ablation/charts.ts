/** @file Charts of Dice against rank and against learning rate, with logarithmic axes: for a page, and as an SVG file. */
import { type Series, lineChart } from '../drawing/chart'
import { escape } from '../text/escape'
import { percent } from '../report/evaluation-table'
import { type AblationRow, type Column, settingKeys } from './ablation-table'
import { asText, valueAt } from './settings'

export interface AblationChart {
  title: string
  /** The targets of the cells it shows; empty if it shows all cells. */
  targets: string
  html: string
  series: Series[]
}

const COLOURS = 4
const promptModes: [Column, string][] = [
  ['pointDice', 'point prompts'],
  ['boxDice', 'box prompts'],
]

export function chartsOf(rows: readonly AblationRow[]): AblationChart[] {
  const done = rows.filter(({ values }) => values)
  return promptModes
    .flatMap(([column, mode]) =>
      byTargets(done, column).flatMap(({ targets, members }) => [
        chart(`Dice against rank, ${mode}, %`, targets, 'rank', againstRank(members, column)),
        chart(`Dice against learning rate, ${mode}, %`, targets, 'learning rate', againstRate(members, column)),
        ...(members.some(({ cell }) => cell.images !== null)
          ? [chart(`Dice against training images, ${mode}, %`, targets, 'images', againstImages(members, column))]
          : []),
      ]),
    )
    .filter(({ targets, series }) => !targets || positions(series) > 1)
}

/** The number of different ranks or rates in a chart; with a single one the table says as much. */
const positions = (series: readonly Series[]): number =>
  new Set(series.flatMap(({ points }) => points.map(([at]) => at))).size

/** Splits the rows by their targets if one chart would have more lines than colours. */
function byTargets(rows: readonly AblationRow[], column: Column): { targets: string; members: AblationRow[] }[] {
  const count = Math.max(againstRank(rows, column).length, againstRate(rows, column).length)
  if (count <= COLOURS) return [{ targets: '', members: [...rows] }]
  const groups = lines(rows, ({ cell }) => cell.targets.join('+'))
  return groups.map(({ name, members }) => ({ targets: name, members }))
}

/** A chart over a logarithmic axis with a tick at each position. */
export function chart(title: string, targets: string, x: string, raw: Series[]): AblationChart {
  const series = raw.map((one, i) => ({
    ...one,
    colour: (i % COLOURS) + 1,
    points: one.points.map(([at, value]): [number, number] => [Math.log10(at), value]),
    style: one.style ?? (i < COLOURS ? ('solid' as const) : ('dashed' as const)),
  }))
  const marks = [...new Set(raw.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b)
  const ticks = marks.map((at): [number, string] => [Math.log10(at), String(at)])
  const heading = targets ? `${title}: ${targets}` : title
  const html = lineChart({ title: heading, x, series, ticks, format: (value) => percent(value) })
  return { title, targets, series, html }
}

/** A line for each set of targets, scale and rate; full tuning has no rank and is a horizontal line. */
function againstRank(rows: readonly AblationRow[], column: Column): Series[] {
  const ranks = rows.flatMap(({ cell }) => cell.rank ?? [])
  if (!ranks.length) return []
  const across = [Math.min(...ranks), Math.max(...ranks)]
  return lines(rows, ({ cell }) =>
    lineName(
      rows,
      cell.kind,
      cell.targets,
      cell.scale,
      `lr ${cell.lr}${imagesName(rows, cell)}${settingsName(rows, cell)}`,
    ),
  ).map(({ name, members }): Series => {
    const [{ cell, values }] = members
    const points = members.map((row): [number, number] => [row.cell.rank!, row.values![column].mean])
    if (cell.kind === 'lora') return { name, colour: 1, points: points.sort(byX) }
    const value = values![column].mean
    return { name, colour: 1, points: across.map((at): [number, number] => [at, value]), style: 'dashed' }
  })
}

/** A line for each set of targets, scale and rank. */
function againstRate(rows: readonly AblationRow[], column: Column): Series[] {
  return lines(rows, ({ cell }) =>
    lineName(
      rows,
      cell.kind,
      cell.targets,
      cell.scale,
      `${cell.rank === null ? '' : `rank ${cell.rank}`}${imagesName(rows, cell)}${settingsName(rows, cell)}`,
    ),
  ).map(({ name, members }) => ({
    name,
    colour: 1,
    points: members.map(({ cell, values }): [number, number] => [cell.lr, values![column].mean]).sort(byX),
  }))
}

/** A line for each recipe; cells on all images are left out. */
function againstImages(rows: readonly AblationRow[], column: Column): Series[] {
  const counted = rows.filter(({ cell }) => cell.images !== null)
  return lines(counted, ({ cell }) => {
    const { kind, targets, scale, rank, lr } = cell
    const more = [rank === null ? '' : `rank ${rank}`, `lr ${lr}`].filter(Boolean).join(', ')
    return lineName(counted, kind, targets, scale, more + settingsName(counted, cell))
  }).map(({ name, members }) => ({
    name,
    colour: 1,
    points: members.map(({ cell, values }): [number, number] => [cell.images!, values![column].mean]).sort(byX),
  }))
}

/** The number of training images in the name of a line, if the rows differ in it. */
const imagesName = (rows: readonly AblationRow[], { images }: AblationRow['cell']): string =>
  new Set(rows.map(({ cell }) => cell.images)).size > 1 ? `, ${images ?? 'all'} images` : ''

/** The other settings in which the rows differ, in the name of a line. */
const settingsName = (rows: readonly AblationRow[], { config }: AblationRow['cell']): string =>
  settingKeys(rows.map(({ cell }) => cell))
    .filter((key) => new Set(rows.map(({ cell }) => asText(valueAt(cell.config, key)))).size > 1)
    .map((key) => `, ${key} ${asText(valueAt(config, key))}`)
    .join('')

const byX = ([a]: [number, number], [b]: [number, number]) => a - b

/** The name of a line: the kind of adapter, and the settings that differ between the rows. */
function lineName(
  rows: readonly AblationRow[],
  kind: string,
  targets: readonly string[],
  scale: string | null,
  more: string,
) {
  const several = (of: (row: AblationRow) => unknown) => new Set(rows.map(of)).size > 1
  return [
    kind === 'full' ? 'full' : 'LoRA',
    several(({ cell }) => cell.targets.join()) ? targets.join('+') : '',
    scale && several(({ cell }) => cell.scale) ? `scale ${scale}` : '',
    more,
  ]
    .filter(Boolean)
    .join(', ')
}

/** Groups rows by name. */
function lines(
  rows: readonly AblationRow[],
  nameOf: (row: AblationRow) => string,
): { name: string; members: AblationRow[] }[] {
  const names = [...new Set(rows.map(nameOf))]
  return names.map((name) => ({ name, members: rows.filter((row) => nameOf(row) === name) }))
}

const [WIDTH, HEIGHT, LINE] = [460, 260, 17]
const colours = ['#1769d1', '#d1590b', '#6b4fc9', '#12805c']

/** All charts as a single SVG file; empty if there is nothing to draw. */
export function chartsSvg(charts: readonly AblationChart[]): string {
  const shown = charts.filter(({ html }) => html)
  if (!shown.length) return ''
  const legend = Math.max(...shown.map(({ series }) => series.length)) + +shown.some(({ targets }) => targets)
  const [cellWidth, cellHeight] = [WIDTH + 30, HEIGHT + 40 + LINE * legend]
  const drawings = shown.map(({ title, targets, html, series }, i) => {
    const [x, y] = [15 + (i % 2) * cellWidth, 10 + Math.floor(i / 2) * cellHeight]
    const inner = /<svg[^>]*>([\s\S]*)<\/svg>/.exec(html)![1]
    const top = targets ? 28 + LINE : 28
    const names = series.map(({ name, colour, style }, k) => {
      const y = top + LINE * k
      return `<path class="s${colour} ${style}" d="M0 ${y}h24"/><text x="32" y="${y + 4}">${escape(name)}</text>`
    })
    const subtitle = targets && `<text y="30">${escape(targets)}</text>`
    return `<g transform="translate(${x} ${y})"><text class="title" y="12">${escape(title)}</text>${subtitle}${names.join('')}<g transform="translate(0 ${30 + LINE * legend})">${inner}</g></g>`
  })
  const [width, height] = [2 * cellWidth, 10 + Math.ceil(shown.length / 2) * cellHeight]
  const style = `text{fill:#5b6470;font:12px system-ui,sans-serif}.title{fill:#1b1f24;font-weight:600;font-size:14px}.grid{stroke:#dfe3e8}path{fill:none;stroke-width:2}path.dashed{stroke-dasharray:6 4}${colours.map((c, i) => `path.s${i + 1}{stroke:${c}}circle.s${i + 1}{fill:${c}}`).join('')}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"><style>${style}</style><rect width="100%" height="100%" fill="#fff"/>${drawings.join('\n')}</svg>\n`
}
