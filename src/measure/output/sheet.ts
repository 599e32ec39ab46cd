/** @file sheet.html: the result on one printed page, to attach to a paper, with everything needed to repeat it. */
import { escape } from '../../text/escape'
import { histogramStyle } from '../../drawing/histogram'
import { page } from '../../drawing/html-page'
import { count } from '../../text/count'
import { diameterNames, figureHtml } from './histograms'
import type { MeasureReport } from './measure-report'
import { facts } from './method'
import { withInterval } from './numbers'
import { answers, intervalNote, sizeTable, tiles } from './overview'
import { pixelText } from './text'

/** A4 and letter hold this in print; on a screen it is a short page. */
const style = `
main { max-width: 900px; } p { max-width: none; } h2 { margin: 16px 0 6px; } .charts { grid-template-columns: 1fr 1fr; } .chart { padding: 6px 8px 2px; }
td small.range { display: block; margin: 0; } td { vertical-align: top; } .answers { margin: 10px 0 0; }
@page { margin: 12mm; }
@media print { body { font-size: 8.5pt; line-height: 1.3; } h1 { font-size: 14pt; } h2 { font-size: 10pt; margin: 8px 0 3px; } .charts { gap: 6px; }
  .chart svg { max-height: 38mm; } .chart figcaption { font-size: 8pt; } .tiles { margin-top: 6px; gap: 6px; } .tile { padding: 4px 8px; }
  p { margin: 0 0 4px; } pre { font-size: 7pt; padding: 4px 8px; } th, td { padding: 1.5px 5px; } .note { font-size: 7.5pt; } }
@media (max-width: 560px) { .charts { grid-template-columns: 1fr; } }
`

/** Charts of the sheet: those of all images. */
const SHOWN = ['histogram-number.svg', 'histogram-area.svg', 'histogram-volume.svg', 'cumulative.svg']

export function renderSheet({ summary, measured, options, figures, command, version }: MeasureReport): string {
  const { unit, scopes, uncertainty } = summary
  const all = scopes[scopes.length - 1]
  const drawn = figures.filter(({ file }) => SHOWN.includes(file))
  const failed = measured.unmeasured.length
  const about = `${count(all.particles, 'particle')} on ${count(all.images, 'image')}; ${pixelText(summary)}${failed ? `; ${count(failed, 'image is', 'images are')} not measured` : ''}.`
  const certain = uncertainty
    .filter(({ total }) => total)
    .map(({ weighting, value, total }) => `by ${weighting} ${withInterval({ value, ...total! })} ${unit.shown}`)
  return page({
    title: 'Particle sizes',
    about,
    css: `${histogramStyle}${style}`,
    body: `${tiles(all, unit.shown)}
${answers(all, unit.shown)}
<h2>Distributions of the ${escape(diameterNames[options.diameter])}</h2>
<div class="charts">${drawn.map(figureHtml).join('\n')}</div>
${sizeTable([all], unit.shown)}
<p class="note">${escape(intervalNote(all.distribution, options))}${certain.length ? escape(` With the uncertainty of pixel size, outlines and model, D50 is ${certain.join(', ')}.`) : ''}</p>
<h2>Method</h2>
<p class="note method">${facts(summary, options, version)
      .map(([name, text]) => `<b>${escape(name)}</b> ${escape(text)}`)
      .join(' ')}</p>
<h2>Command to reproduce this</h2>
<pre>${escape(command)}</pre>`,
  })
}
