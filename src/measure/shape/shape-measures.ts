/** @file What a mask's shape tells, in pixels. Pixel (x, y) is the square from (x, y) to (x + 1, y + 1). */
import type { Region } from '../../../engine/image/box'
import { centreHull, centresInside, cornerHull, feretDiameters } from './hull'
import { countParts, fillHoles } from './parts'
import { perimeterOf } from './perimeter'
import { areaOf, boundsOf, type PixelRuns } from './pixel-runs'

export interface ShapeMeasures {
  /** Pixels of the mask; holes are not in it. */
  area: number
  /** 8-connected pieces. */
  parts: number
  /** Pixels of the holes. */
  holeArea: number
  /** The smallest region around the mask. */
  bounds: Region
  /** Of the pixel squares, from the image's upper left corner. */
  centroid: { x: number; y: number }
  /** Diameter of the disc of the same area. */
  equivalentDiameter: number
  /** Of the convex hull of all pixel corners. */
  maxFeret: number
  minFeret: number
  /** Axes of the ellipse with the second moments of the pixel squares. */
  majorAxis: number
  minorAxis: number
  /** majorAxis / minorAxis. */
  aspectRatio: number
  /** Of the major axis against the rows, counter-clockwise as one looks at the image, 0 to 180 degrees; null where all directions are alike. */
  orientation: number | null
  /** Of the outer border, holes filled; see perimeterOf. */
  perimeter: number
  /** 4 pi area / perimeter^2; not cut at 1. */
  circularity: number
  /** Pixels of the mask by the pixels whose centres lie in the convex hull of its pixels' centres. */
  solidity: number
}

/** @param runs of a mask with at least one pixel */
export function measureShape(runs: PixelRuns): ShapeMeasures {
  const area = areaOf(runs)
  const { filled, holes } = fillHoles(runs)
  const perimeter = perimeterOf(filled)
  const feret = feretDiameters(cornerHull(runs))
  return {
    area,
    parts: countParts(runs),
    holeArea: holes,
    bounds: boundsOf(runs),
    ...ellipseOf(runs, area),
    equivalentDiameter: Math.sqrt((4 * area) / Math.PI),
    maxFeret: feret.max,
    minFeret: feret.min,
    perimeter,
    circularity: (4 * Math.PI * area) / perimeter ** 2,
    solidity: area / centresInside(centreHull(runs)),
  }
}

/** Centroid and second moments as integrals over the pixel squares: a disc's axes are not short by a pixel's own width. */
function ellipseOf(
  runs: PixelRuns,
  area: number,
): Pick<ShapeMeasures, 'centroid' | 'majorAxis' | 'minorAxis' | 'aspectRatio' | 'orientation'> {
  // sums of cubes far from the origin would lose their digits
  const [originY, originX] = [runs[0], runs[1]]
  let [x, y, xx, xy, yy] = [0, 0, 0, 0, 0]
  for (let i = 0; i < runs.length; i += 3) {
    const [top, from, to] = [runs[i] - originY, runs[i + 1] - originX, runs[i + 2] - originX]
    const sumX = (to * to - from * from) / 2
    x += sumX
    y += (to - from) * (top + 0.5)
    xx += (to ** 3 - from ** 3) / 3
    xy += sumX * (top + 0.5)
    yy += (to - from) * (top * top + top + 1 / 3)
  }
  const [meanX, meanY] = [x / area, y / area]
  const [varX, varY] = [xx / area - meanX ** 2, yy / area - meanY ** 2]
  const covariance = xy / area - meanX * meanY
  const middle = (varX + varY) / 2
  const spread = Math.hypot((varX - varY) / 2, covariance)
  const [majorAxis, minorAxis] = [4 * Math.sqrt(middle + spread), 4 * Math.sqrt(middle - spread)]
  // rows count downwards, angles upwards
  const angle = (90 / Math.PI) * Math.atan2(-2 * covariance, varX - varY)
  return {
    centroid: { x: originX + meanX, y: originY + meanY },
    majorAxis,
    minorAxis,
    aspectRatio: majorAxis / minorAxis,
    orientation: spread <= 1e-9 * middle ? null : angle < 0 ? angle + 180 : angle,
  }
}
