/** @file The report's sections on contacts between particles, and on pores and cracks inside them. */
import { figure, histogram } from '../../drawing/histogram'
import { count } from '../../text/count'
import type { ContactSummary, InteriorSummary } from '../contacts'
import { note } from './html-table'
import { percentText, short } from './numbers'

/** The coordination numbers as a chart, and the agglomerates in a sentence. */
export function contactsSection({ coordination, meanCoordination, agglomerates, cut }: ContactSummary): string {
  const total = coordination.reduce((a, b) => a + b, 0)
  if (!total) return ''
  // at least six bars, so that the axis counts in whole numbers
  const bars = Array.from({ length: Math.max(6, coordination.length) }, (_, k) => coordination[k] ?? 0)
  const chart = histogram(
    { title: 'Coordination number', x: 'number of other particles that a particle touches' },
    Array.from({ length: bars.length + 1 }, (_, k) => k - 0.5),
    bars.map((counted) => ({ value: counted / total })),
    3,
  )
  const { count: groups, particles, meanSize, largest } = agglomerates
  const alone = coordination[0] ?? 0
  const sentences = [
    `A particle touches ${short(meanCoordination)} others on average; ${count(alone, 'particle')} of ${count(total, 'particle')} (${percentText(alone / total)}) ${alone === 1 ? 'touches' : 'touch'} none.`,
    groups
      ? `There ${groups === 1 ? 'is' : 'are'} ${count(groups, 'agglomerate')} inside the images, of ${count(particles, 'particle')}: ${short(meanSize)} each on average, ${largest} in the largest.`
      : 'No agglomerate lies inside an image.',
    ...(cut
      ? [`${count(cut, 'agglomerate reaches', 'agglomerates reach')} the edge, so that their sizes are not known.`]
      : []),
  ]
  return `<h2>Contacts and agglomerates</h2>
<p>${sentences.join(' ')}</p>
<div class="charts single">${figure('Coordination number', chart)}</div>
${note(
  'Particles touch if pixels are adjacent, diagonally too, or in common. Those at the image’s edge are left out, since their neighbours are not all seen. In an image of a heap particles may touch that lie above one another; in three dimensions each has more neighbours.',
)}`
}

export function interiorSection(of: InteriorSummary): string {
  const { particles, withHoles, holeFraction, searched, withPores, withCracks, poreFraction, crackFraction } = of
  if (!withHoles && !searched) return ''
  const sentences = [
    `${count(withHoles, 'mask')} of ${count(particles, 'particle')} ${withHoles === 1 ? 'has' : 'have'} holes, ${percentText(holeFraction)} of the particles’ area.`,
    ...(searched
      ? [
          `By contrast, of ${count(searched, 'particle')} wide enough to look into, ${withPores} ${withPores === 1 ? 'has' : 'have'} dark spots (${percentText(poreFraction)} of the area searched) and ${withCracks} ${withCracks === 1 ? 'has' : 'have'} dark lines such as cracks (${percentText(crackFraction)}).`,
        ]
      : []),
  ]
  return `<h2>Inside the particles</h2>
<p>${sentences.join(' ')}</p>
${note(
  'Dark spots and lines are narrower than a quarter of the particle and darker than their surroundings by a quarter of the particle’s gray and six times the noise; the outer eighth is not searched. Dark texture, shadows and dirt look the same: look at the particles of particles.csv whose crack_fraction is large before you call them cracks. A pore open to the outline, or as wide as a quarter of the particle, is found only if the mask leaves it out.',
)}`
}
