/** @file The tally of one image: the counts from which its scores, and those of many images together, are computed. */
import { type Mask, maskArea } from '../../engine/masks/mask'
import { type LabelMap, MAX_LABEL } from '../../engine/image/label-map'
import type { Instance } from '../../engine/masks/instances'
import type { View } from '../../engine/scale/view'
import { equivalentDiameter } from '../../engine/masks/equivalent-diameter'
import { type BoundaryScores, boundaryOfLabels, boundaryOfMasks, boundaryScores } from './boundary'
import { type Detection, iouLevels, type Matches } from './matching'
import {
  type Confusion,
  confusion,
  IGNORED,
  semanticScores,
  type SemanticScores,
} from '../../engine/masks/pixel-counts'
import { sizeError, type SizeError } from './size-distance'

/** The distance up to which outlines agree, in pixels of the image. */
export const BOUNDARY_TOLERANCE = 2

export interface ImageTally {
  id: string
  /** The number of instances that count. */
  instances: number
  masks: number
  confusion: Confusion
  regions: SemanticScores
  /** For each instance the IoU of its mask; 0 if it has none. */
  ious: number[]
  /** The number of instances found at each of iouLevels. */
  found: number[]
  detections: Detection[]
  boundary: BoundaryScores
  size: SizeError
  /** Equivalent diameters in pixels of the image; those of instances in the order of `ious`. */
  diameters: { masks: number[]; instances: number[] }
  /** The parts of the image that the model saw; absent for a method without a model. */
  view?: View
}

export interface TallyInput {
  id: string
  labels: LabelMap
  /** The instances that count. */
  instances: readonly Instance[]
  masks: readonly Mask[]
  matches: Matches
  /** (height, width): 1 for pixels that any mask covers. */
  union: Uint8Array
  tolerance?: number
}

/** Compares an image's masks with its instances, by pixels, instances, outlines and sizes. */
export function tallyImage({ id, labels, instances, masks, matches, union, tolerance }: TallyInput): ImageTally {
  const { counted, ious, detections } = matches
  const ids = instances.map((instance) => instance.id)
  const pixels = confusion(union, foreground(labels, ids))
  const chosen = counted.map((m) => masks[m])
  const diameters = {
    masks: chosen.map(maskArea).filter(Boolean).map(equivalentDiameter),
    instances: instances.map(({ area }) => equivalentDiameter(area)),
  }
  return {
    id,
    instances: instances.length,
    masks: counted.length,
    confusion: pixels,
    regions: semanticScores(pixels),
    ious,
    found: iouLevels.map((level) => ious.filter((iou) => iou >= level).length),
    detections,
    boundary: boundaryScores(
      boundaryOfMasks(chosen, labels),
      boundaryOfLabels(labels, ids),
      labels,
      tolerance ?? BOUNDARY_TOLERANCE,
    ),
    size: sizeError(diameters.masks, diameters.instances),
    diameters,
  }
}

/** 1 for the instances that count, 0 for the background, IGNORED for the other instances. */
function foreground({ data }: LabelMap, ids: readonly number[]): Uint8Array {
  const kind = new Uint8Array(MAX_LABEL + 1).fill(IGNORED)
  kind[0] = 0
  for (const id of ids) kind[id] = 1
  return Uint8Array.from(data, (id) => kind[id])
}
