/** @file The HTML page of a dataset's statistics: one file without external resources. */
import { equivalentDiameter } from '../../engine/masks/equivalent-diameter'
import { escape } from '../text/escape'
import { page } from '../drawing/html-page'
import { histogram, histogramSvg } from './size-histogram'
import type { ImageMeasurement } from './stats'

/** The HTML page. @param rows rows of the summary table, the first of them its header */
export function statsPage(
  title: string,
  rows: readonly (readonly string[])[],
  measured: readonly ImageMeasurement[],
): string {
  const diameters = measured.flatMap(({ areas }) => areas.map(equivalentDiameter))
  const charts: [string, string, number[]][] = [
    ['Sizes of all instances', 'equivalent diameter, pixels', diameters],
    ['Instances per image', 'instances', measured.map(({ image }) => image.instances)],
    ['Coverage of an image', 'labelled area, percent', measured.map(({ image }) => 100 * image.coverage)],
  ]
  const figures = charts.map(
    ([name, x, values]) =>
      `<figure class="chart"><figcaption><b>${escape(name)}</b></figcaption>${histogramSvg(histogram(values), name, x)}</figure>`,
  )
  const cells = (row: readonly string[], tag: string) => row.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')
  const body = rows.slice(1).map((row) => `<tr>${cells(row, 'td')}</tr>`)
  const images = measured.map(({ image }) => {
    const { id, group, width, height, instances, coverage, touching, border } = image
    const row = [id, group, `${width} × ${height}`, instances, (100 * coverage).toFixed(1), touching, border]
    return `<tr>${cells(row.map(String), 'td')}</tr>`
  })
  const head = ['image', 'group', 'size', 'instances', 'coverage, %', 'touching', 'at the edge']
  return page({
    title: title,
    heading: 'Labelled images',
    about: title,
    body: `<div class="charts">${figures.join('\n')}</div>
<h2>In numbers</h2>
<div class="scroll"><table><thead><tr>${cells(rows[0], 'th')}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>
<p class="note">All lengths are in pixels. The diameter is the diameter of a disc of the same area. All instances are included, also those
that the image’s edge cuts.</p>
<h2>Image by image</h2>
<div class="scroll"><table><thead><tr>${cells(head, 'th')}</tr></thead><tbody>${images.join('\n')}</tbody></table></div>`,
  })
}
