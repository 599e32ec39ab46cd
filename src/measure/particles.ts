/** @file All particles of one image, measured in pixels. */
import type { Size } from '../../engine/image/size'
import type { Image } from '../images/image'
import { gapsOf, maxGapPixels } from './gaps'
import { countTouching, nearestPoints, particleMap } from './neighbours'
import { type ShapeMeasures, measureShape } from './shape/shape-measures'
import type { LabelledMask, PixelRuns } from './shape/pixel-runs'

export interface Particle extends ShapeMeasures {
  /** Its label, or its number among the image's masks. */
  id: number
  /** Whether it has a pixel in the image's first or last row or column. */
  edge: boolean
  /** Centre to centre; null where it is alone. */
  nearest: { id: number; distance: number } | null
  /** Whether the image ends nearer to its centre than the nearest neighbour: one outside may be nearer still. */
  nearestOpen: boolean
  /** Ground to the nearest border of another; null where it is alone, or not measured. */
  gap: number | null
  touching: number
  /** Mean of the image's own values, of all channels together; null without an image or where a value is not finite. */
  meanGray: number | null
}

export interface MeasuredMasks {
  particles: Particle[]
  /** Pixels of particles, each counted once; and by how much the sum of their areas is more. */
  covered: number
  shared: number
  /** Whether the image was too large for the gaps. */
  withoutGaps: boolean
}

/** Measures masks of an image of `size`; they may overlap. `gray` is of the same size. */
export function measureMasks(size: Size, masks: readonly LabelledMask[], gray: Image | null): MeasuredMasks {
  const shapes = masks.map(({ runs }) => measureShape(runs))
  const map = particleMap(
    size,
    masks.map(({ runs }, i) => ({ runs, area: shapes[i].area })),
  )
  const nearest = nearestPoints(shapes.map(({ centroid }) => centroid))
  const withoutGaps = map.data.length > maxGapPixels
  const gaps = withoutGaps ? null : gapsOf(map, masks.length)
  const touching = countTouching(map)
  const { width, height } = size
  const particles = shapes.map((shape, i): Particle => {
    const { bounds, centroid } = shape
    const toFrame = Math.min(centroid.x, centroid.y, width - centroid.x, height - centroid.y)
    const distance = nearest.distance[i]
    return {
      ...shape,
      id: masks[i].id,
      edge: bounds.left === 0 || bounds.top === 0 || bounds.right === width || bounds.bottom === height,
      nearest: nearest.index[i] < 0 ? null : { id: masks[nearest.index[i]].id, distance },
      nearestOpen: toFrame < distance,
      // a shared pixel is no ground between
      gap: !gaps || gaps[i] === Infinity ? (touching[i] ? 0 : null) : touching[i] ? 0 : gaps[i],
      touching: touching[i],
      meanGray: gray && meanOf(gray, masks[i].runs),
    }
  })
  return { particles, covered: map.covered, shared: map.shared, withoutGaps }
}

function meanOf({ width, channels, data }: Image, runs: PixelRuns): number | null {
  let [sum, count] = [0, 0]
  for (let i = 0; i < runs.length; i += 3) {
    const row = runs[i] * width
    for (let at = (row + runs[i + 1]) * channels, end = (row + runs[i + 2]) * channels; at < end; at++) sum += data[at]
    count += (runs[i + 2] - runs[i + 1]) * channels
  }
  return Number.isFinite(sum) ? sum / count : null
}
