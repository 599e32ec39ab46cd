/** @file The answers that come first: tiles, sentences and the table of sizes, for the report and for the single sheet. */
import { escape } from '../../text/escape'
import { type Distribution, weightings } from '../statistics/distribution'
import type { Scope, SummaryOptions } from '../summary'
import { table } from './html-table'
import { modalitySentences } from './modality-text'
import { percentText, short, withInterval } from './numbers'
import { verdict, whole } from './statistics-section'

export function tiles({ particles, needed, distribution }: Scope, unit: string): string {
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
export const answers = (all: Scope, unit: string): string => {
  const sentences = modalitySentences(all, unit)
  return sentences.length ? `<p class="answers">${escape(sentences.join(' '))}</p>` : ''
}

export function sizeTable(scopes: readonly Scope[], unit: string): string {
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

export function intervalNote({ resampled }: Distribution, { level, resamples, seed }: SummaryOptions): string {
  if (!resampled) return 'There are too few particles for confidence intervals.'
  const drawn = resampled === 'images' ? 'whole images' : 'the particles within each image'
  const warning = resampled === 'particles' ? ' They do not include the variation between images.' : ''
  return `In brackets: ${100 * level} % bootstrap intervals from ${resamples} resamples of ${drawn}, seed ${seed}.${warning}`
}
