/** @file The report's section on shapes: a table and small histograms. */
import { figure, histogram } from '../../drawing/histogram'
import type { Scope } from '../summary'
import { shapeMeasures } from '../shapes'
import { note, ofGroups, table } from './html-table'
import { whole } from './statistics-section'
import { short } from './numbers'

const titleOf = (measure: string): string => {
  const words = measure.replaceAll('_', ' ')
  return words[0].toUpperCase() + words.slice(1)
}

/** Shapes of groups and all, by number; histograms of all. */
export function shapesSection(all: Scope, groups: readonly Scope[]): string {
  if (!all.shapes.length) return ''
  const shapesTable = (scopes: readonly Scope[], named: boolean) =>
    table(
      ['', '10 %', 'Median', '90 %', 'Mean', 'Std.', 'Particles'],
      scopes.flatMap(({ name, shapes }) =>
        shapes.map(({ measure, counted, d10, d50, d90, mean, std }) => [
          named ? `${titleOf(measure)}, ${name}` : titleOf(measure),
          ...[d10, d50, d90, mean, std].map(short),
          whole(counted),
        ]),
      ),
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
${shapesTable([all], false)}
${ofGroups(groups, shapesTable(groups, true))}
<details><summary>Histograms of the shapes</summary><div class="charts">${charts.join('\n')}</div></details>
${note(
  'ISO 9276-6; definitions are in docs/measure.md. By number, with the weights of the edge correction. Shapes of particles narrower than about ten pixels follow the pixels, not the particle.',
)}`
}
