/** @file Reads size distributions written by `wgsam measure`, and renders them as a part of a report. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { messageOf, UserError } from '../../host/errors'
import { axisName, figureHtml, measureFigures } from '../../measure/output/histograms'
import { percentText, withInterval } from '../../measure/output/numbers'
import { type Diameter, diameters, type Summary } from '../../measure/summary'
import { units } from '../../measure/units'
import { count } from '../../text/count'
import { escape } from '../../text/escape'
import { finiteNumber } from '../../text/check-value'

const Estimate = v.object({ value: finiteNumber, low: v.optional(finiteNumber), high: v.optional(finiteNumber) })
const Weighted = v.object({
  effective: v.nullable(finiteNumber),
  figures: v.nullable(v.object({ d10: Estimate, d50: Estimate, d90: Estimate })),
  curve: v.nullable(
    v.pipe(
      v.object({
        edges: v.pipe(v.array(finiteNumber), v.minLength(2)),
        shares: v.array(Estimate),
        below: v.array(Estimate),
      }),
      v.check(({ edges, shares, below }) => shares.length === edges.length - 1 && below.length === edges.length),
      v.check(({ edges }) => edges.every((edge, i) => !i || edge > edges[i - 1]), 'a curve whose edges ascend'),
    ),
  ),
})
const Scope = v.object({
  level: v.picklist(['image', 'group', 'all']),
  name: v.string(),
  images: finiteNumber,
  particles: finiteNumber,
  distribution: v.object({
    counted: finiteNumber,
    coverage: Estimate,
    number: Weighted,
    area: v.optional(Weighted),
    volume: Weighted,
  }),
})
const SummaryFields = v.object({
  version: v.literal(1),
  unit: v.picklist(Object.keys(units) as (keyof typeof units)[]),
  options: v.object({
    diameter: v.picklist(Object.keys(diameters) as Diameter[]),
    scale: v.string(),
    edges: v.string(),
    level: finiteNumber,
  }),
  scale: v.optional(v.picklist(['linear', 'log']), 'linear'),
  scopes: v.pipe(v.array(Scope), v.minLength(1)),
  command: v.optional(v.string()),
})
/** Edges are finite (see finiteNumber), and without this check the ticks of a logarithmic axis would begin at minus infinity. */
const SummaryFile = v.pipe(
  SummaryFields,
  v.check(
    ({ scale, scopes }) =>
      scale !== 'log' || scopes.every(({ distribution }) => curvesOf(distribution).every(isPositive)),
    'a summary whose sizes on a logarithmic axis are above 0',
  ),
)
type Curve = v.InferOutput<typeof Weighted>['curve']
const curvesOf = ({ number, area, volume }: v.InferOutput<typeof Scope>['distribution']): Curve[] => [
  number.curve,
  area?.curve ?? null,
  volume.curve,
]
const isPositive = (curve: Curve) => curve === null || curve.edges[0] > 0

export type MeasuredView = v.InferOutput<typeof SummaryFile> & { folder: string }

/** @throws UserError if the folder has no summary.json of `wgsam measure` */
export async function readMeasured(folder: string): Promise<MeasuredView> {
  const path = join(folder, 'summary.json')
  if (!existsSync(path))
    throw new UserError(`${folder} has no summary.json: --measured expects the folder that \`wgsam measure\` wrote`)
  try {
    return { ...v.parse(SummaryFile, JSON.parse(await readFile(path, 'utf8'))), folder }
  } catch (error) {
    const why = v.isValiError(error) ? `at ${v.getDotPath(error.issues[0]) ?? 'its top'}` : messageOf(error, path)
    throw new UserError(`${path} was not written by \`wgsam measure\` of this version: ${why}`)
  }
}

export function measuredHtml({ unit: name, options, scale, scopes, folder, command }: MeasuredView): string {
  const unit = units[name]
  const all = scopes[scopes.length - 1]
  // the figures use only these parts of a summary
  const figures = measureFigures({ unit, scopes, scale, unfolded: null } as unknown as Summary, options.diameter, null)
  const head = ['', 'particles', 'counted', 'D10', 'D50', 'D90', 'D50 by volume', 'coverage']
  const rows = scopes
    .filter(({ level }) => level !== 'image')
    .map(({ name, particles, distribution: { counted, coverage, number, volume } }) => [
      name,
      String(particles),
      String(counted),
      ...(['d10', 'd50', 'd90'] as const).map((figure) =>
        number.figures ? withInterval(number.figures[figure]) : '–',
      ),
      volume.figures ? withInterval(volume.figures.d50) : '–',
      percentText(coverage.value),
    ])
  return `<p>${count(all.particles, 'particle')} on ${count(all.images, 'image')}: the ${escape(axisName(unit, options.diameter))}.</p>
<div class="charts">${figures.map(figureHtml).join('\n')}</div>
${tableHtml(head, rows)}
<p class="note">From ${escape(folder)}; particles at the edge: ${escape(options.edges)}; in brackets ${100 * options.level} % intervals.
${command ? `Made by: ${escape(command)}` : ''}</p>`
}

export const tableHtml = (head: readonly string[], rows: readonly (readonly string[])[], kind = 'scores'): string =>
  `<div class="scroll"><table class="${kind}"><thead><tr>${head.map((text) => `<th>${escape(text)}</th>`).join('')}</tr></thead>
<tbody>${rows.map(([first, ...rest]) => `<tr><th>${escape(first)}</th>${rest.map((text) => `<td>${escape(text)}</td>`).join('')}</tr>`).join('')}</tbody></table></div>`
