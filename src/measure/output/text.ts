/** @file Terminal output of a run: a short table, and remarks on everything that was left out. */
import { count } from '../../text/count'
import { textTable } from '../../text/table'
import type { Measured } from '../measure'
import type { Diameter, Summary, SummaryOptions } from '../summary'
import { diameterNames } from './histograms'
import { modalitySentences } from './modality-text'
import { percentText, short } from './numbers'

/** The largest number of images that are listed individually. */
const MAX_ROWS = 20

export function summaryText({ unit, scopes }: Summary, diameter: Diameter): string {
  const single = scopes.filter(({ level }) => level === 'image')
  const shown = scopes.filter(({ level }) => level !== 'image' || single.length <= MAX_ROWS)
  const header = ['', 'images', 'particles', 'counted', 'D10', 'D50', 'D90', 'D50 by volume', 'coverage']
  const rows = shown.map(({ level, name, images, particles, distribution: { counted, coverage, number, volume } }) => [
    level === 'group' ? `group ${name}` : name,
    ...[images, particles, counted].map(String),
    ...(['d10', 'd50', 'd90'] as const).map((figure) => (number.figures ? short(number.figures[figure].value) : '–')),
    volume.figures ? short(volume.figures.d50.value) : '–',
    percentText(coverage.value),
  ])
  const hidden = shown.length < scopes.length ? [`(${single.length} images are listed one by one in summary.csv)`] : []
  return [
    `${diameterNames[diameter]}, ${unit.shown}${unit.metres === null ? ' (no pixel size is known)' : ''}`,
    textTable([header, ...rows], 1),
    ...hidden,
  ].join('\n')
}

/** How large pixels are, and where that comes from. */
export function pixelText({ unit, images }: Summary): string {
  if (unit.metres === null) return 'no pixel size is used: lengths are in pixels'
  const sizes = [...new Set(images.map(({ scale }) => scale))].sort((a, b) => a - b)
  const from = [...new Set(images.flatMap(({ image }) => image.pixelSize?.from ?? []))]
  const wide = sizes.length === 1 ? short(sizes[0]) : `${short(sizes[0])} to ${short(sizes[sizes.length - 1])}`
  const shown = from.slice(0, 3).join(', ') + (from.length > 3 ? ', …' : '')
  return `${sizes.length === 1 ? 'a pixel is' : 'pixels are'} ${wide} ${unit.shown} wide (${shown})`
}

/** Remarks on everything that was left out or is uncertain. */
export function remarkLines(
  summary: Summary,
  { unmeasured, images }: Measured,
  { edges: rule, minPixels, error, level }: SummaryOptions,
): string[] {
  const { unit, scopes } = summary
  const { particles, edge, leftOut, largestWeight, needed, distribution } = scopes[scopes.length - 1]
  const lines: string[] = []
  const known = images.some(({ pixelSize }) => pixelSize)
  if (unit.metres !== null) lines.push(pixelText(summary))
  else if (!known)
    lines.push(
      'lengths are in pixels: give the size of a pixel with --pixel-size 12nm or a column pixel_size of groups.csv, or measure the ' +
        'scale bar of a project in `wgsam review`',
    )
  const few = needed.flatMap(({ name, byInterval, ifLogNormal }) => {
    const want = byInterval ?? ifLogNormal
    return want !== null && want > distribution.counted ? [`${want.toLocaleString('en-GB')} for ${name}`] : []
  })
  if (few.length)
    lines.push(
      `too few particles for ± ${short(100 * error)} % at ${short(100 * level)} %: ` +
        `${distribution.counted.toLocaleString('en-GB')} are counted, needed are ${few.join(', ')}`,
    )
  lines.push(...modalitySentences(scopes[scopes.length - 1], unit.shown))
  if (leftOut.edge)
    lines.push(`left out: ${leftOut.edge} of ${count(particles, 'particle')}, which touch the edge (--edges ${rule})`)
  else if (edge)
    lines.push(`${edge} of ${count(particles, 'particle')} touch the edge and are included (--edges ${rule})`)
  if (leftOut.small)
    lines.push(`left out: ${count(leftOut.small, 'particle')} of fewer than ${minPixels} pixels (--min-pixels)`)
  if (rule === 'correct' && largestWeight > 20)
    lines.push(
      `one particle has the edge weight ${short(largestWeight)}: it is nearly as large as its image, so large sizes are uncertain`,
    )
  const left = unmeasured.filter(({ failed }) => !failed)
  if (left.length) lines.push(`left out: ${count(left.length, 'image')} (${left[0].name}: ${left[0].reason})`)
  const parts = images.flatMap(({ particles }) => particles).filter(({ parts }) => parts > 1).length
  if (parts)
    lines.push(
      count(
        parts,
        'particle consists of several parts and is measured as one',
        'particles consist of several parts; each is measured as one',
      ),
    )
  const sizes = new Set(images.map(({ pixelSize }) => pixelSize?.metres ?? 'unknown'))
  if (unit.metres === null && images.length > 1 && (sizes.size > 1 || sizes.has('unknown')))
    lines.push(
      sizes.size > 1
        ? 'the images have different pixel sizes: combined sizes in pixels are not meaningful'
        : 'no pixel size is known: combined sizes are meaningful only if all images have the same magnification',
    )
  return lines
}
