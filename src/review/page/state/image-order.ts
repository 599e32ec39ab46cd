/** @file The order of the images in the list, which the next and the previous image follow. */
import { leastSureFirst } from '../../../project/review/uncertainty'
import type { ImageSummary } from '../../protocol'
import { imageOrder } from './prefs'

/**
 * The images by name, as the server sends them; or those first of whose proposals the model was least sure, because their
 * correction teaches the most. The measure is of the proposals, so that an edit does not move the image.
 */
export function inOrder(images: readonly ImageSummary[]): ImageSummary[] {
  return imageOrder.value === 'name' ? [...images] : leastSureFirst(images)
}
