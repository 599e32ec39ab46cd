/** @file Shape measures of a mask, in pixels. Pixel (x, y) is the square from (x, y) to (x + 1, y + 1). */
import { equivalentDiameter } from '../../../engine/masks/equivalent-diameter'
import type { Region } from '../../../engine/image/box'
import { distanceMeasures } from './distances'
import { centreHull, centresInside, cornerHull, feretDiameters, runsInside, smallestRectangle } from './hull'
import { countParts, fillHoles } from './parts'
import { perimeterOf } from './perimeter'
import { areaOf, boundsOf, type PixelRuns } from './pixel-runs'

export interface ShapeMeasures {
  /** The number of pixels, without holes. */
  area: number
  /** The number of 8-connected parts. */
  parts: number
  /** The number of pixels in holes. */
  holeArea: number
  /** The smallest region around the mask. */
  bounds: Region
  /** Centroid of the pixel squares, from the image's upper left corner. */
  centroid: { x: number; y: number }
  /** Diameter of a disc of the same area. */
  equivalentDiameter: number
  /** Largest Feret diameter of the convex hull of all pixel corners. */
  maxFeret: number
  /** Smallest Feret diameter of that hull. */
  minFeret: number
  /** Major axis of the ellipse with the same second moments as the pixel squares. */
  majorAxis: number
  /** Minor axis of that ellipse. */
  minorAxis: number
  /** majorAxis / minorAxis. */
  aspectRatio: number
  /** Angle from the rows to the major axis, counter-clockwise in the displayed image, 0 to 180 degrees; null if undefined, as for a disc. */
  orientation: number | null
  /** Length of the outer border, holes filled; see perimeterOf. */
  perimeter: number
  /** 4 pi area / perimeter^2; may exceed 1. */
  circularity: number
  /** The number of pixels divided by the number of pixels whose centres are in the convex hull of the mask's pixel centres. */
  solidity: number
  /** Perimeter of the convex hull divided by the perimeter, both by perimeterOf; 1 for a convex outline. */
  convexity: number
  /** Sides of the smallest rectangle around the corners, at any angle. */
  rectangleLength: number
  rectangleWidth: number
  /** area / area of the smallest rectangle around the corners, at any angle. */
  extent: number
  /** 4 area / (pi maxFeret^2): 1 for a disc, less the longer the particle is. */
  roundness: number
  /** 1 - minFeret / maxFeret: 0 for a disc. */
  elongation: number
  /** Diameter of the largest circle inside, holes filled; null for a region too large to compute it. */
  inscribedDiameter: number | null
  /** Fractal dimension of the outline; see distanceMeasures. */
  fractalDimension: number | null
}

/** Measures a mask. @param runs of a mask with at least one pixel */
export function measureShape(runs: PixelRuns): ShapeMeasures {
  const area = areaOf(runs)
  const { filled, holes } = fillHoles(runs)
  const perimeter = perimeterOf(filled)
  const corners = cornerHull(runs)
  const feret = feretDiameters(corners)
  const rectangle = smallestRectangle(corners)
  const centres = centreHull(runs)
  const { inscribed, fractal } = distanceMeasures(filled)
  return {
    area,
    parts: countParts(runs),
    holeArea: holes,
    bounds: boundsOf(runs),
    ...ellipseOf(runs, area),
    equivalentDiameter: equivalentDiameter(area),
    maxFeret: feret.max,
    minFeret: feret.min,
    perimeter,
    circularity: (4 * Math.PI * area) / perimeter ** 2,
    solidity: area / centresInside(centres),
    convexity: perimeterOf(runsInside(centres)) / perimeter,
    rectangleLength: rectangle.length,
    rectangleWidth: rectangle.width,
    extent: area / rectangle.length / rectangle.width,
    roundness: (4 * area) / (Math.PI * feret.max ** 2),
    elongation: 1 - feret.min / feret.max,
    inscribedDiameter: inscribed,
    fractalDimension: fractal,
  }
}

/** Centroid and ellipse from integrals over the pixel squares rather than centres, which would make axes too short. */
function ellipseOf(
  runs: PixelRuns,
  area: number,
): Pick<ShapeMeasures, 'centroid' | 'majorAxis' | 'minorAxis' | 'aspectRatio' | 'orientation'> {
  // relative coordinates: sums of cubes of large coordinates would lose precision
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
  // rows increase downwards, angles counter-clockwise
  const angle = (90 / Math.PI) * Math.atan2(-2 * covariance, varX - varY)
  return {
    centroid: { x: originX + meanX, y: originY + meanY },
    majorAxis,
    minorAxis,
    aspectRatio: majorAxis / minorAxis,
    orientation: spread <= 1e-9 * middle ? null : angle < 0 ? angle + 180 : angle,
  }
}
