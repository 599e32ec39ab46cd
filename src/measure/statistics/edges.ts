/** @file Particles at the image's edge, and the weights that make up for those that are left out. */
import type { Size } from '../../../engine/image/size'

/**
 * What is done with particles that touch the edge. 'exclude' and 'include' take the others, or all, as they are, and are
 * both biased: large particles touch the edge more often, and those that do are cut. 'correct' leaves them out and
 * weights the others (Miles and Lantuejoul).
 */
export const edgeRules = ['correct', 'exclude', 'include'] as const
export type EdgeRule = (typeof edgeRules)[number]

/**
 * How many particles of its kind one stands for. With 'correct' it is 1 / P, where P is the share of all places in which
 * its box does not touch the image's first or last row or column: (W - w - 1) (H - h - 1) / (W H).
 * @param box of the particle, width and height in pixels
 */
export function edgeWeight(rule: EdgeRule, { width, height }: Size, box: Size, touches: boolean): number {
  if (rule === 'include') return 1
  if (touches) return 0
  if (rule === 'exclude') return 1
  return (width * height) / ((width - box.width - 1) * (height - box.height - 1))
}
