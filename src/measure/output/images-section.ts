/**
 * @file The report's images with their measured particles: a click on a particle shows its values, a row selects its
 * particle, a bar of a histogram all particles of that size.
 */
import { count } from '../../text/count'
import { escape } from '../../text/escape'
import { quantile } from '../../statistics/quantile'
import { type Diameter, diameters, type Summary } from '../summary'
import type { WeighedImage, WeighedParticle } from '../weighed-particle'
import { short } from './numbers'

/** Rows of a table in the page; particles.csv has all. */
const MAX_ROWS = 500

export const imagesStyle = `
.measured { margin: 0 0 26px; break-inside: avoid; }
.measured svg { background: var(--card); border-radius: 8px; cursor: crosshair; }
.measured path { stroke-width: 1.5; vector-effect: non-scaling-stroke; stroke: #35c26b; fill: #35c26b; fill-opacity: 0.12; }
.measured path.out { stroke: #e0a100; fill: #e0a100; stroke-dasharray: 4 3; }
.measured path.odd { stroke: #ff5d4d; fill: #ff5d4d; }
.measured path.chosen, .measured path:hover { stroke: #fff; stroke-width: 2.5; fill: #2f7bff; fill-opacity: 0.55; }
.measured .chosen-particle { min-height: 1.5em; font-size: 0.9rem; margin: 6px 0; }
.agglomerates { display: block; margin: 0 0 12px; font-size: 0.9rem; }
main:has(#agglomerates:checked) .measured path:not(.chosen) { stroke: var(--agglomerate, #8a929c); fill: var(--agglomerate, transparent); fill-opacity: 0.3; stroke-dasharray: none; }
.measured tr.chosen td { background: color-mix(in srgb, var(--s1) 22%, var(--paper)) !important; }
.measured tbody tr { cursor: pointer; } .measured .scroll { max-height: 320px; overflow-y: auto; }
.measured thead th { position: sticky; top: 0; background: var(--paper); z-index: 1; }
.legend .counts { background: #35c26b; } .legend .out { background: #e0a100; } .legend .odd { background: #ff5d4d; }
@media print { .agglomerates, .measured details { display: none; } }
`

/** Images that have a picture; nothing without one. */
export function imagesSection(summary: Summary, diameter: Diameter): string {
  const shown = summary.images.filter(({ image }) => image.picture)
  if (!shown.length) return ''
  const missing = summary.images.length - shown.length
  const limit = oddBelow(summary)
  return `<h2>Measured particles</h2>
<ul class="legend"><li><i class="counts"></i>counts</li><li><i class="out"></i>left out: at the edge, or too small</li><li><i class="odd"></i>unusual shape, or the largest share of the volume: look at these first</li></ul>
<label class="agglomerates"><input type="checkbox" id="agglomerates"> colour particles that touch alike (agglomerates)</label>
${shown.map((one, i) => imageFigure(one, i, summary, diameter, limit)).join('\n')}
${missing ? `<p class="note">${count(missing, 'more image is', 'more images are')} measured and not shown (--pictures).</p>` : ''}
<script>${script}</script>`
}

/** Particles whose outline is more concave than this are unusual: three interquartile ranges below the first quartile. */
function oddBelow({ images }: Summary): number {
  const solidities = Float64Array.from(
    images.flatMap(({ particles }) =>
      particles.filter(({ number }) => number > 0).map(({ particle }) => particle.solidity),
    ),
  ).sort()
  if (solidities.length < 8) return 0
  const [first, third] = [quantile(solidities, 0.25), quantile(solidities, 0.75)]
  return first - 3 * (third - first)
}

function imageFigure(
  { image, particles, scale }: WeighedImage,
  index: number,
  { unit }: Summary,
  diameter: Diameter,
  limit: number,
): string {
  const { width, height, picture, name } = image
  const size = ({ particle }: WeighedParticle) => particle[diameters[diameter]] * scale
  const volume = particles.reduce((sum, one) => sum + one.volume, 0)
  const classOf = (one: WeighedParticle) =>
    one.leftOut ? 'out' : one.particle.solidity < limit || (volume > 0 && one.volume > 0.25 * volume) ? 'odd' : ''
  const paths = particles.map((one, i) => {
    const kind = classOf(one)
    const { id, size: members } = one.particle.agglomerate
    // golden angle: neighbouring numbers get different colours
    const alike = members > 1 ? ` style="--agglomerate:hsl(${Math.round(id * 137.5) % 360} 80% 60%)"` : ''
    return `<path id="p${index}-${i}"${alike}${kind ? ` class="${kind}"` : ''}${one.leftOut ? '' : ` data-size="${size(one)}"`} d="${picture!.outlines[i]}"/>`
  })
  const jpeg = picture!.jpeg
    ? `<image width="${width}" height="${height}" href="data:image/jpeg;base64,${picture!.jpeg.toString('base64')}"/>`
    : ''
  const ordered = particles.map((one, i) => ({ one, i })).sort((a, b) => size(b.one) - size(a.one))
  const rows = ordered.slice(0, MAX_ROWS).map(({ one, i }) => {
    const { particle, leftOut } = one
    const cells = [
      String(particle.id),
      short(size(one)),
      ...[particle.aspectRatio, particle.circularity, particle.solidity].map(short),
      leftOut === 'edge' ? 'at the edge' : leftOut === 'small' ? 'too small' : classOf(one) ? 'unusual' : '',
    ]
    return `<tr data-p="p${index}-${i}">${cells.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`
  })
  const header = ['Particle', `Size, ${unit.shown}`, 'Aspect ratio', 'Circularity', 'Solidity', '']
  const more = particles.length - rows.length
  return `<figure class="measured"><figcaption><b>${escape(name)}</b>: ${count(particles.length, 'particle')}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(`${name} with the outlines of its particles`)}">${jpeg}${paths.join('')}</svg>
<p class="chosen-particle" aria-live="polite"></p>
<details><summary>Table of its particles${more > 0 ? ` (the ${MAX_ROWS} largest; all are in particles.csv)` : ''}</summary>
<div class="scroll"><table><thead><tr>${header.map((text) => `<th>${escape(text)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div></details></figure>`
}

/** Selection across outlines, rows and bars; without JavaScript the page shows everything but this. */
const script = `
(() => {
  const clear = () => document.querySelectorAll('.chosen').forEach((e) => e.classList.remove('chosen'))
  const tell = (figure, text) => { const p = figure.querySelector('.chosen-particle'); if (p) p.textContent = text }
  const choose = (path, from) => {
    clear()
    const figure = path.closest('.measured')
    path.classList.add('chosen')
    const row = figure.querySelector('tr[data-p="' + path.id + '"]')
    if (row) {
      row.classList.add('chosen')
      if (from !== 'row' && figure.querySelector('details').open) row.scrollIntoView({ block: 'nearest' })
      const heads = [...figure.querySelectorAll('th')].map((th) => th.textContent)
      tell(figure, [...row.cells].map((td, i) => (heads[i] ? heads[i] + ' ' : '') + td.textContent).filter((t) => t.trim()).join(' · '))
    }
    if (from === 'row') figure.querySelector('svg').scrollIntoView({ block: 'nearest' })
  }
  document.addEventListener('click', (event) => {
    const target = event.target
    const path = target.closest('.measured path')
    if (path) return choose(path, 'path')
    const row = target.closest('tr[data-p]')
    if (row) return choose(document.getElementById(row.dataset.p), 'row')
    const bar = target.closest('figure.chart rect[data-from]')
    if (!bar || bar.closest('details')) return
    clear()
    bar.classList.add('chosen')
    const [from, to] = [Number(bar.dataset.from), Number(bar.dataset.to)]
    document.querySelectorAll('.measured').forEach((figure) => {
      const inside = [...figure.querySelectorAll('path[data-size]')].filter((p) => p.dataset.size >= from && p.dataset.size < to)
      inside.forEach((p) => p.classList.add('chosen'))
      tell(figure, inside.length + (inside.length === 1 ? ' particle' : ' particles') + ' of this size')
    })
  })
})()
`
