/** @file The report's section on shapes: a table and small histograms. */
import { figure, histogram } from '../../drawing/histogram'
import type { Scope } from '../summary'
import { shapeMeasures } from '../shapes'
import { note, table } from './html-table'
import { short } from './text'

const titleOf = (measure: string): string => {
  const words = measure.replaceAll('_', ' ')
  return words[0].toUpperCase() + words.slice(1)
}

/** Shapes of groups and all, by number; histograms of all. */
export function shapesSection(scopes: readonly Scope[]): string {
  const all = scopes[scopes.length - 1]
  if (!all?.shapes.length) return ''
  const rows = scopes.flatMap(({ name, shapes }) =>
    shapes.map(({ measure, counted, d10, d50, d90, mean, std }) => [
      scopes.length > 1 ? `${titleOf(measure)}, ${name}` : titleOf(measure),
      ...[d10, d50, d90, mean, std].map(short),
      String(counted),
    ]),
  )
  const charts = all.shapes.map(({ measure, edges, shares, d50 }) =>
    figure(
      titleOf(measure),
      histogram(
        { title: titleOf(measure), x: shapeMeasures[measure].about, marks: [{ at: d50, name: 'median' }] },
        edges,
        shares.map((value) => ({ value })),
        4,
      ),
    ),
  )
  return `<h2>Shapes</h2>
${table(['', '10 %', 'Median', '90 %', 'Mean', 'Std.', 'Particles'], rows)}
<details><summary>Histograms of the shapes</summary><div class="charts">${charts.join('\n')}</div></details>
${note(
  'ISO 9276-6; definitions are in docs/measure.md. By number, with the weights of the edge correction. Shapes of particles narrower than about ten pixels follow the pixels, not the particle.',
)}`
}
