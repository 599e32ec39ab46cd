/** @file particles.csv: one row per particle; the header states the unit of every length and area. */
import type { Summary } from '../summary'
import type { WeighedImage, WeighedParticle } from '../weighed-particle'
import { csvLine, type CsvValue } from '../../text/csv'

interface ParticleRow extends WeighedParticle {
  of: WeighedImage
}

type Column = [name: string, value: (row: ParticleRow) => CsvValue]

function columns({ unit }: Summary): Column[] {
  const length = (name: string, pixels: (row: ParticleRow) => number | null): Column => [
    `${name}_${unit.name}`,
    (row) => {
      const value = pixels(row)
      return value === null ? null : value * row.of.scale
    },
  ]
  return [
    ['image', ({ of }) => of.image.name],
    ['group', ({ of }) => of.image.group],
    ['particle', ({ particle }) => particle.id],
    ['edge', ({ particle }) => particle.edge],
    ['left_out', ({ leftOut }) => leftOut ?? ''],
    ['number_weight', ({ number }) => number],
    [`area_weight_${unit.name}2`, ({ area }) => area],
    [`volume_weight_${unit.name}3`, ({ volume }) => volume],
    ['x_px', ({ particle }) => particle.centroid.x],
    ['y_px', ({ particle }) => particle.centroid.y],
    ['box_x_px', ({ particle }) => particle.bounds.left],
    ['box_y_px', ({ particle }) => particle.bounds.top],
    ['box_width_px', ({ particle: { bounds } }) => bounds.right - bounds.left],
    ['box_height_px', ({ particle: { bounds } }) => bounds.bottom - bounds.top],
    ['area_px2', ({ particle }) => particle.area],
    ...(unit.metres === null
      ? []
      : ([
          [`pixel_size_${unit.name}`, ({ of }) => of.scale],
          [`area_${unit.name}2`, ({ of, particle }) => particle.area * of.scale ** 2],
        ] as Column[])),
    length('equivalent_diameter', ({ particle }) => particle.equivalentDiameter),
    length('max_feret', ({ particle }) => particle.maxFeret),
    length('min_feret', ({ particle }) => particle.minFeret),
    length('rectangle_length', ({ particle }) => particle.rectangleLength),
    length('rectangle_width', ({ particle }) => particle.rectangleWidth),
    length('major_axis', ({ particle }) => particle.majorAxis),
    length('minor_axis', ({ particle }) => particle.minorAxis),
    ['aspect_ratio', ({ particle }) => particle.aspectRatio],
    ['orientation_deg', ({ particle }) => particle.orientation],
    length('perimeter', ({ particle }) => particle.perimeter),
    ['circularity', ({ particle }) => particle.circularity],
    ['solidity', ({ particle }) => particle.solidity],
    ['convexity', ({ particle }) => particle.convexity],
    ['extent', ({ particle }) => particle.extent],
    ['roundness', ({ particle }) => particle.roundness],
    ['elongation', ({ particle }) => particle.elongation],
    ['fractal_dimension', ({ particle }) => particle.fractalDimension],
    length('inscribed_diameter', ({ particle }) => particle.inscribedDiameter),
    ['parts', ({ particle }) => particle.parts],
    ['hole_area_px2', ({ particle }) => particle.holeArea],
    ['hole_fraction', ({ particle: { holeArea, area } }) => holeArea / (holeArea + area)],
    ['pore_fraction', ({ particle: { interior } }) => interior && interior.pores / interior.area],
    ['crack_fraction', ({ particle: { interior } }) => interior && interior.cracks / interior.area],
    length('crack_length', ({ particle: { interior } }) => interior && interior.crackLength),
    ['nearest_particle', ({ particle }) => particle.nearest?.id ?? null],
    length('nearest_distance', ({ particle }) => particle.nearest?.distance ?? null),
    ['nearest_open', ({ particle }) => particle.nearestOpen],
    length('gap', ({ particle }) => particle.gap),
    ['touching', ({ particle }) => particle.touching],
    ['agglomerate', ({ particle }) => particle.agglomerate.id],
    ['agglomerate_size', ({ particle }) => particle.agglomerate.size],
    ['mean_gray', ({ particle }) => particle.meanGray],
    ['stability', ({ particle }) => particle.stability],
  ]
}

/** The text of the file, image by image, so that a long file need not be in memory. */
export function* particleLines(summary: Summary): Generator<string> {
  const all = columns(summary)
  yield csvLine(all.map(([name]) => name))
  for (const of of summary.images)
    if (of.particles.length)
      yield of.particles.map((one) => csvLine(all.map(([, value]) => value({ ...one, of })))).join('')
}
