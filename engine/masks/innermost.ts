/** @file The pixel of a mask that is furthest from its outline. */
import type { Point } from '../image/box'
import { innermostPixel, squaredDistance } from './distance-transform'
import type { Mask } from './mask'

/** The pixel of a mask that is furthest inside, the first in reading order of several, in the pixels that the mask's place is given in. */
export function innermost({ x0, y0, width, height, data }: Mask): Point {
  const at = innermostPixel(squaredDistance(data, width, height))
  return [x0 + (at % width), y0 + Math.floor(at / width)]
}
