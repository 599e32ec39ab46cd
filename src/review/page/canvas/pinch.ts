/** @file What two fingers on the canvas do to the view. */
import type { Point } from '../../../../engine/image/box'

/** How two fingers changed the view: the factor of magnification, and the movement of the point between them. */
export function pinch(
  before: readonly [Point, Point],
  after: readonly [Point, Point],
): { factor: number; move: Point } {
  const span = ([a, b]: readonly [Point, Point]) => Math.hypot(a[0] - b[0], a[1] - b[1])
  const middle = ([a, b]: readonly [Point, Point]): Point => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]
  const [from, to] = [middle(before), middle(after)]
  const wide = span(before)
  return { factor: wide > 0 ? span(after) / wide : 1, move: [to[0] - from[0], to[1] - from[1]] }
}
