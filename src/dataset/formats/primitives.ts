/** @file Converts ellipses and rectangles to polygons. */

/** The points that the shapes of one image may have together: a safeguard against malicious files. */
const MAX_POINTS = 2 ** 23
/** A larger radius in pixels is taken for damage: no image is so large. */
const MAX_RADIUS = 2 ** 20

/** Counts the points of an image's shapes. */
export class PointBudget {
  private left = MAX_POINTS

  /** @throws Error if the shapes have too many points together */
  take(outline: readonly number[]): void {
    this.left -= outline.length / 2
    if (this.left < 0) throw new Error(`the shapes of this image have more than ${MAX_POINTS} points together`)
  }
}

/** Largest distance in pixels between an ellipse and its polygon. */
const TOLERANCE = 0.02

/** The polygon of an ellipse with half axes rx and ry; the first is rotated by `angle` (radians, from x towards y). @throws Error if it is absurdly large */
export function ellipse(x: number, y: number, rx: number, ry: number, angle = 0): number[] {
  const radius = Math.max(rx, ry)
  if (!(radius <= MAX_RADIUS)) throw new Error(`its radius of ${radius} pixels is larger than any image`)
  const corners = Math.min(4096, Math.max(16, Math.ceil(Math.PI / Math.sqrt((2 * TOLERANCE) / Math.max(radius, 1)))))
  // between the inscribed and the circumscribed polygon, so that the area is that of the ellipse
  const wider = Math.sqrt((2 * Math.PI) / corners / Math.sin((2 * Math.PI) / corners))
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  return Array.from({ length: corners }, (_, i) => {
    const turn = (2 * Math.PI * i) / corners
    const [u, v] = [rx * wider * Math.cos(turn), ry * wider * Math.sin(turn)]
    return [x + u * cos - v * sin, y + u * sin + v * cos]
  }).flat()
}

/** The polygon of a rectangle. */
export const rectangle = (x0: number, y0: number, x1: number, y1: number): number[] => [x0, y0, x1, y0, x1, y1, x0, y1]

/** The polygon of a rectangle that is turned by `angle` (radians, from x towards y) about a point, by default its centre. */
export function turnedRectangle(
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  angle: number,
  about: readonly [number, number] = [(x0 + x1) / 2, (y0 + y1) / 2],
): number[] {
  const corners = rectangle(Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1))
  if (!angle) return corners
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  return corners.map((_, i) => {
    const [u, v] = [corners[i & ~1] - about[0], corners[i | 1] - about[1]]
    return i & 1 ? about[1] + u * sin + v * cos : about[0] + u * cos - v * sin
  })
}
