/** @file Figures of a run, for its report and as files. */
import { cumulative, type CumulativeSeries, figure, histogram, standalone } from '../../drawing/histogram'
import { type Weighting, weightings } from '../statistics/distribution'
import type { ReferenceCurve } from '../sources/reference-curve'
import type { Diameter, Scope, Summary } from '../summary'
import type { LengthUnit } from '../units'

export const diameterNames: Record<Diameter, string> = {
  equivalent: 'equivalent circular diameter',
  'min-feret': 'minimum Feret diameter',
  'max-feret': 'maximum Feret diameter',
  major: 'major axis',
  minor: 'minor axis',
}

const weightingNames: Record<Weighting, string> = { number: 'by number', area: 'by area', volume: 'by volume' }

const colourOf: Record<Weighting, number> = { number: 1, area: 4, volume: 2 }

/** The largest number of groups in one figure: the number of colours. */
const MAX_GROUPS = 4

export interface MeasureFigure {
  file: string
  title: string
  picture: string
  keys: { name: string; colour: number }[]
}

/** Histograms and cumulative curves of all images, and cumulative curves of up to four groups in one figure. */
export function measureFigures(
  { unit, scopes, scale, unfolded }: Summary,
  diameter: Diameter,
  reference: ReferenceCurve | null,
): MeasureFigure[] {
  const x = axisName(unit, diameter)
  const log = scale === 'log'
  const all = scopes[scopes.length - 1]
  const pictures: MeasureFigure[] = []
  weightings.forEach((weighting) => {
    const curve = all.distribution[weighting]?.curve
    if (!curve) return
    const title = `Size distribution ${weightingNames[weighting]}`
    const { figures } = all.distribution[weighting]
    const marks = (['d10', 'd50', 'd90'] as const).map((name) => ({
      at: figures![name].value,
      name: name.toUpperCase(),
    }))
    const picture = histogram({ title, x, log, marks }, curve.edges, curve.shares, colourOf[weighting])
    pictures.push({ file: `histogram-${weighting}.svg`, title, picture, keys: [] })
  })
  const both = weightings.flatMap((weighting) => series(all, weighting, weightingNames[weighting], colourOf[weighting]))
  if (both.length) pictures.push(curves('cumulative.svg', 'Cumulative size distribution', x, log, both))
  const volume = series(all, 'volume', 'images, by volume', 2)
  if (reference && volume.length) {
    const edges = reference.metres.map((metres) => metres / unit.metres!)
    const other = { name: reference.name, colour: 3, edges, below: reference.below.map((value) => ({ value })) }
    const shared = log || (edges[0] > 0 && edges[edges.length - 1] > 10 * edges[0])
    const start = volume[0].edges[0] > 0
    pictures.push(curves('compared.svg', `Compared with ${reference.name}`, x, shared && start, [...volume, other]))
  }
  if (unfolded) {
    const title = 'Spheres that give these sections (Saltykov)'
    const shares = unfolded.spheres.map((value) => ({ value }))
    const picture = histogram({ title, x: `diameter of the spheres, ${unit.shown}` }, unfolded.edges, shares, 3)
    pictures.push({ file: 'spheres.svg', title, picture, keys: [] })
  }
  const groups = scopes.filter(({ level }) => level === 'group')
  if (groups.length > 1 && groups.length <= MAX_GROUPS)
    for (const weighting of ['number', 'volume'] as const) {
      const drawn = groups.flatMap((group, i) => series(group, weighting, group.name, i + 1))
      if (drawn.length)
        pictures.push(
          curves(
            `groups-${weighting}.svg`,
            `Cumulative size distribution of groups, ${weightingNames[weighting]}`,
            x,
            log,
            drawn,
          ),
        )
    }
  return pictures
}

export const axisName = (unit: LengthUnit, diameter: Diameter): string => `${diameterNames[diameter]}, ${unit.shown}`

function series(scope: Scope, weighting: Weighting, name: string, colour: number): CumulativeSeries[] {
  const curve = scope.distribution[weighting]?.curve
  return curve ? [{ name, colour, edges: curve.edges, below: curve.below }] : []
}

function curves(
  file: string,
  title: string,
  x: string,
  log: boolean,
  drawn: readonly CumulativeSeries[],
): MeasureFigure {
  const keys = drawn.map(({ name, colour }) => ({ name, colour }))
  return { file, title, picture: cumulative({ title, x, log }, drawn), keys }
}

export const figureHtml = ({ title, picture, keys }: MeasureFigure): string => figure(title, picture, keys)
export const figureFile = ({ picture, keys }: MeasureFigure): string => standalone(picture, keys)
