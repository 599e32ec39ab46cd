/** @file Measures all particles of one image, in pixels. */
import type { Size } from '../../engine/image/size'
import type { Image } from '../images/image'
import { gapsOf, maxGapPixels } from './gaps'
import { type Interior, interiorOf } from './interior'
import { contacts, nearestPoints, particleMap } from './neighbours'
import { fillHoles } from './shape/parts'
import { type ShapeMeasures, measureShape } from './shape/shape-measures'
import type { LabelledMask, PixelRuns } from './shape/pixel-runs'

export interface Particle extends ShapeMeasures {
  /** The particle's label, or its number among the image's masks. */
  id: number
  /** Whether the particle has a pixel in the image's first or last row or column. */
  edge: boolean
  /** The nearest other particle, by the distance of the centroids; null if there is no other. */
  nearest: { id: number; distance: number } | null
  /** Whether the image's border is nearer than the nearest particle: one outside the image may be nearer still. */
  nearestOpen: boolean
  /** Distance to the border of the nearest other particle; null if there is no other, or gaps are not measured. */
  gap: number | null
  /** The number of other particles that it touches: its coordination number in the plane. */
  touching: number
  /** The agglomerate that it belongs to: all particles connected by touching; its number from 1, and how many they are. */
  agglomerate: { id: number; size: number }
  /** Mean of the image's original values over all channels; null without an image, or if a value is not finite. */
  meanGray: number | null
  /** Dark features inside; null without an image, or if the particle is too narrow. */
  interior: Interior | null
  /** The model's stability score of the mask; null for a mask that no model made. */
  stability: number | null
}

export interface MeasuredMasks {
  particles: Particle[]
  /** The number of pixels covered by particles. */
  covered: number
  /** The sum of the particles' areas minus `covered`. */
  shared: number
  /** True if the image was too large to measure gaps. */
  withoutGaps: boolean
}

/** Measures masks, which may overlap, of an image of `size`. `gray` has the same size. */
export function measureMasks(size: Size, masks: readonly LabelledMask[], gray: Image | null): MeasuredMasks {
  const shapes = masks.map(({ runs }) => measureShape(runs))
  const map = particleMap(
    size,
    masks.map(({ runs }, i) => ({ runs, area: shapes[i].area })),
  )
  const nearest = nearestPoints(shapes.map(({ centroid }) => centroid))
  const withoutGaps = map.data.length > maxGapPixels
  const gaps = withoutGaps ? null : gapsOf(map, masks.length)
  const { touching, agglomerates } = contacts(map, masks.length)
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
      // touching or overlapping particles have no gap
      gap: !gaps || gaps[i] === Infinity ? (touching[i] ? 0 : null) : touching[i] ? 0 : gaps[i],
      touching: touching[i],
      agglomerate: agglomerates[i],
      meanGray: gray && meanOf(gray, masks[i].runs),
      interior: gray && interiorOf(fillHoles(masks[i].runs).filled, gray),
      stability: masks[i].stability ?? null,
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
