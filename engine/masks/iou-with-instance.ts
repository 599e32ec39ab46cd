/** @file The overlap of a mask with an instance of a label map. */
import type { InstanceBox, LabelMap } from '../image/label-map'
import type { Mask } from './mask'
import { instanceScores } from './pixel-counts'

/** The IoU of a mask with an instance; 1 if both are empty. */
export function iouWithInstance(
  { width, data }: LabelMap,
  { id, area }: Pick<InstanceBox, 'id' | 'area'>,
  mask: Mask,
): number {
  let predicted = 0
  let both = 0
  for (let y = 0, from = 0; y < mask.height; y++) {
    const row = (mask.y0 + y) * width + mask.x0
    for (let x = 0; x < mask.width; x++, from++) {
      if (!mask.data[from]) continue
      predicted++
      if (data[row + x] === id) both++
    }
  }
  return instanceScores(both, predicted, area).iou
}
