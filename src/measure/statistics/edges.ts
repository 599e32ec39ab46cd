/** @file Particles at the image's edge, and the weights that correct for leaving them out. */
import type { Size } from '../../../engine/image/size'

/**
 * How particles that touch the edge are treated. 'exclude' leaves them out and 'include' includes them, both without
 * correction and therefore biased: large particles touch the edge more often, and those that touch it are cut off.
 * 'correct' leaves them out and weights the others (Miles and Lantuejoul).
 */
export const edgeRules = ['correct', 'exclude', 'include'] as const
export type EdgeRule = (typeof edgeRules)[number]

/**
 * The weight of a particle. With 'correct' it is 1 / P, where P is the probability that a bounding box of its size at a
 * random position does not touch the image's first or last row or column: (W - w - 1) (H - h - 1) / (W H).
 * @param box size of the particle's bounding box in pixels
 */
export function edgeWeight(rule: EdgeRule, { width, height }: Size, box: Size, touches: boolean): number {
  if (rule === 'include') return 1
  if (touches) return 0
  if (rule === 'exclude') return 1
  return (width * height) / ((width - box.width - 1) * (height - box.height - 1))
}
