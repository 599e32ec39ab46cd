/** @file report.html: the size distributions in a single self-contained page. */
import { count } from '../../text/count'
import { escape } from '../../text/escape'
import { histogramStyle } from '../../drawing/histogram'
import { factTable, page } from '../../drawing/html-page'
import type { Measured } from '../measure'
import type { Estimate } from '../statistics/distribution'
import type { Scope, Summary, SummaryOptions } from '../summary'
import type { ReferenceCurve } from '../sources/reference-curve'
import { diameterNames, figureHtml, type MeasureFigure } from './histograms'
import { answers, intervalNote, sizeTable, tiles } from './overview'
import { facts } from './method'
import { contactsSection, interiorSection } from './contacts-section'
import { list, ofGroups, table } from './html-table'
import { imagesSection, imagesStyle } from './images-section'
import { shapesSection } from './shapes-section'
import {
  comparedSection,
  differencesSection,
  logNormalSection,
  meansSection,
  neededSection,
  percentilesSection,
  sectionsSection,
  uncertaintySection,
} from './statistics-section'
import { densityBy } from './summary'
import { percentText, short, withInterval } from './numbers'
import { pixelText, remarkLines } from './text'

export interface MeasureReport {
  summary: Summary
  measured: Measured
  options: SummaryOptions
  figures: readonly MeasureFigure[]
  /** The distribution of another method to compare with. */
  reference: ReferenceCurve | null
  command: string
  version: string
}

export function renderMeasureReport(report: MeasureReport): string {
  const { summary, measured, options, figures, reference, command, version } = report
  const { unit, scopes } = summary
  const all = scopes[scopes.length - 1]
  const single = scopes.filter(({ level }) => level === 'image')
  const together = scopes.filter(({ level }) => level !== 'image')
  const groups = scopes.filter(({ level }) => level === 'group')
  const notes = remarkLines(summary, measured, options)
  const failed = measured.unmeasured.filter(({ failed }) => failed)
  return page({
    title: 'Particle sizes',
    about: `${count(all.particles, 'particle')} on ${count(all.images, 'image')}; ${pixelText(summary)}.`,
    css: `${histogramStyle}${imagesStyle}.charts + .scroll { margin-top: 20px; } td small.range { display: block; margin: 0; } td { vertical-align: top; } .answers { margin: 16px 0 0; }
.tables > h2 { margin-top: 30px; }`,
    body: `${tiles(all, unit.shown)}
${answers(all, unit.shown)}
<h2>Distributions of the ${escape(diameterNames[options.diameter])}</h2>
${sizeTable([all], unit.shown)}
<p class="note">${escape(intervalNote(all.distribution, options))}</p>
<div class="charts">${figures.map(figureHtml).join('\n')}</div>
${ofGroups(groups, sizeTable(groups, unit.shown))}
${neededSection(all, options)}
${comparedSection(reference, all, summary)}
${differencesSection(summary, options.level)}
${imagesSection(summary, options.diameter)}
${meansSection(all, groups, unit.shown)}
${percentilesSection(all, unit.shown, options.level)}
${logNormalSection(all.distribution.logNormal, unit.shown)}
${uncertaintySection(summary, options)}
${sectionsSection(summary.unfolded, all, summary)}
${shapesSection(all, groups)}
${contactsSection(summary.contacts)}
${interiorSection(summary.interior)}
<h2>Counts and coverage</h2>
${countTable(together, summary)}
${list('Notes', notes)}
${list(
  'Not measured',
  failed.map(({ name, reason }) => `${name}: ${reason}`),
)}
${single.length ? `<h2>Images</h2>\n${imageTable(summary, single)}` : ''}
<h2>Method</h2>
${factTable(facts(summary, options, version))}
<h2>Command to reproduce this</h2>
<pre>${escape(command)}</pre>`,
  })
}

function countTable(scopes: readonly Scope[], { unit }: Summary): string {
  const header = [
    '',
    'Images',
    'Particles',
    'At the edge',
    'Counted',
    'Coverage',
    `Density, per ${densityBy(unit).shown}`,
  ]
  const rows = scopes.map(({ name, images, particles, edge, distribution: { counted, coverage, density } }) => [
    name,
    ...[images, particles, edge, counted].map(String),
    withInterval(coverage, percentText),
    withInterval(times(density, densityBy(unit).area)),
  ])
  return table(header, rows)
}

const times = ({ value, low, high }: Estimate, factor: number): Estimate => ({
  value: value * factor,
  ...(low !== undefined && { low: low * factor, high: high! * factor }),
})

function imageTable({ unit, images }: Summary, scopes: readonly Scope[]): string {
  const header = [
    'Image',
    'Masks',
    'Pixel size',
    'Particles',
    'Counted',
    `D50 by number, ${unit.shown}`,
    `D50 by volume, ${unit.shown}`,
    'Coverage',
    'Notes',
  ]
  const rows = scopes.map(({ name, particles, distribution: { counted, coverage, number, volume } }, i) => {
    const { image, scale } = images[i]
    const size =
      unit.metres === null || !image.pixelSize ? '–' : `${short(scale)} ${unit.shown} (${image.pixelSize.from})`
    const d50 = [number, volume].map(({ figures }) => (figures ? withInterval(figures.d50) : '–'))
    return [
      name,
      image.from,
      size,
      String(particles),
      String(counted),
      ...d50,
      percentText(coverage.value),
      image.notes.join('; '),
    ]
  })
  return table(header, rows)
}
