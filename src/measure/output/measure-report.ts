/** @file report.html: the size distributions in a single self-contained page. */
import { count } from '../../text/count'
import { escape } from '../../text/escape'
import { histogramStyle } from '../../drawing/histogram'
import { factTable, page } from '../../drawing/html-page'
import type { Measured } from '../measure'
import { type Distribution, type Estimate, weightings } from '../statistics/distribution'
import type { Scope, Summary, SummaryOptions } from '../summary'
import type { ReferenceCurve } from '../sources/reference-curve'
import { axisName, diameterNames, figureHtml, type MeasureFigure } from './histograms'
import { contactsSection, interiorSection } from './contacts-section'
import { list, ofGroups, table } from './html-table'
import { modalitySentences } from './modality-text'
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
  verdict,
  whole,
} from './statistics-section'
import { densityBy } from './summary'
import { percentText, short, withInterval } from './numbers'
import { remarkLines } from './text'

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
  const unitNote =
    unit.metres === null
      ? 'No pixel size is used: lengths are in pixels.'
      : `Lengths are in ${unit.shown}, from the pixel sizes of the images.`
  return page({
    title: 'Particle sizes',
    about: `${count(all.particles, 'particle')} on ${count(all.images, 'image')}. ${unitNote}`,
    css: `${histogramStyle}${imagesStyle}.charts + .scroll { margin-top: 20px; } td small.range { display: block; margin: 0; } td { vertical-align: top; } .answers { margin: 16px 0 0; }
.tables > h2 { margin-top: 30px; }`,
    body: `${tiles(all, unit.shown)}
${answers(all, unit.shown)}
<h2>Distributions of the ${escape(diameterNames[options.diameter])}</h2>
<div class="charts">${figures.map(figureHtml).join('\n')}</div>
${sizeTable([all], unit.shown)}
${ofGroups(groups, sizeTable(groups, unit.shown))}
<p class="note">${escape(intervalNote(all.distribution, options))}</p>
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

function tiles({ particles, needed, distribution }: Scope, unit: string): string {
  const { counted, coverage, number, volume } = distribution
  const tile = (value: string, text: string) =>
    `<div class="tile"><b>${escape(value)}</b><span>${escape(text)}</span></div>`
  return `<div class="tiles">${[
    tile(whole(counted), counted === particles ? 'particles' : `particles counted, of ${whole(particles)}`),
    ...(['number', 'volume'] as const).map((weighting) => {
      const { figures } = { number, volume }[weighting]
      const need = needed.find(({ name }) => name === `D50 by ${weighting}`)
      if (!figures) return ''
      const { value, low, high } = figures.d50
      const range = low === undefined || high === undefined ? '' : ` (${short(low)} to ${short(high)})`
      const enough = need ? verdict(counted, need.byInterval ?? need.ifLogNormal) : 'unknown'
      const particles = enough === 'enough' ? '; enough particles' : enough === 'unknown' ? '' : `; ${enough} needed`
      return tile(`${short(value)} ${unit}`, `D50 by ${weighting}${range}${particles}`)
    }),
    tile(percentText(coverage.value), 'of the images covered'),
  ].join('')}</div>`
}

/** What the tiles do not say and a reader must not miss. */
const answers = (all: Scope, unit: string): string => {
  const sentences = modalitySentences(all, unit)
  return sentences.length ? `<p class="answers">${escape(sentences.join(' '))}</p>` : ''
}

function sizeTable(scopes: readonly Scope[], unit: string): string {
  const names = ['d10', 'd50', 'd90', 'mean', 'std', 'span'] as const
  const header = [
    '',
    'Counted',
    ...['D10', 'D50', 'D90', 'Mean', 'Std.'].map((name) => `${name}, ${unit}`),
    'Span',
    'Effective n',
  ]
  const rows = scopes.flatMap(({ name, distribution }) =>
    weightings.map((weighting) => {
      const { figures, effective } = distribution[weighting]
      const cells = names.map((figure) => (figures ? withInterval(figures[figure]) : '–'))
      return [name, `by ${weighting}`, ...cells, short(effective)]
    }),
  )
  return table(header, rows)
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

function intervalNote({ resampled }: Distribution, { level, resamples, seed }: SummaryOptions): string {
  if (!resampled) return 'There are too few particles for confidence intervals.'
  const drawn = resampled === 'images' ? 'whole images' : 'the particles within each image'
  const warning = resampled === 'particles' ? ' They do not include the variation between images.' : ''
  return `In brackets: ${100 * level} % bootstrap intervals from ${resamples} resamples of ${drawn}, seed ${seed}.${warning}`
}

const edgeNames: Record<SummaryOptions['edges'], string> = {
  correct:
    'Particles that touch the image’s edge are left out. Each of the others has the weight (W H) / ((W − w − 1) (H − h − 1)), where w × h is its bounding box and W × H the image in pixels (Miles and Lantuéjoul): this corrects for large particles touching the edge more often',
  exclude:
    'Particles that touch the image’s edge are left out without correction: large particles are underrepresented',
  include: 'Particles that touch the image’s edge are included although they are cut off: their sizes are too small',
}

function facts({ unit }: Summary, options: SummaryOptions, version: string): [string, string][] {
  return [
    ['Size', `The ${axisName(unit, options.diameter)}.`],
    ['By number', 'Each particle counts with its edge weight.'],
    ['By area', 'Each particle counts with its edge weight times its area in the image.'],
    [
      'By volume',
      'Each particle counts with its edge weight times the volume of a sphere of its equivalent circular diameter. This assumes spherical particles.',
    ],
    ['Edge', `${edgeNames[options.edges]}.`],
    [
      'Small particles',
      options.minPixels > 1
        ? `Particles of fewer than ${options.minPixels} pixels are left out.`
        : 'No particle is left out because of its size.',
    ],
    [
      'D10, D50, D90',
      'The smallest size at which the cumulative weight reaches 10, 50, 90 %; if it equals that fraction exactly, the mean of this size and the next. Span: (D90 − D10) / D50.',
    ],
    ['Effective n', 'The effective sample size (Kish), for particles of different weights: (Σw)² / Σw².'],
    [
      'Coverage',
      'The number of pixels covered by particles, including those at the edge, divided by the number of pixels of the images.',
    ],
    ['Density', 'The sum of the edge weights divided by the area of the images.'],
    ['Software', `wgsam ${version}`],
  ]
}
