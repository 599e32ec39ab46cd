/** @file Circles, ellipses and boxes as polygons. */

/** A polygon leaves an ellipse's outline by at most so many pixels. */
const TOLERANCE = 0.02

/** An ellipse with its half axes, the first turned by `angle` (radians, from x towards y). */
export function ellipse(x: number, y: number, rx: number, ry: number, angle = 0): number[] {
  const radius = Math.max(rx, ry)
  const corners = Math.min(4096, Math.max(16, Math.ceil(Math.PI / Math.sqrt((2 * TOLERANCE) / Math.max(radius, 1)))))
  // halfway between the polygon inside and the one around: its area is the ellipse's
  const wider = Math.sqrt((2 * Math.PI) / corners / Math.sin((2 * Math.PI) / corners))
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  return Array.from({ length: corners }, (_, i) => {
    const turn = (2 * Math.PI * i) / corners
    const [u, v] = [rx * wider * Math.cos(turn), ry * wider * Math.sin(turn)]
    return [x + u * cos - v * sin, y + u * sin + v * cos]
  }).flat()
}

export const rectangle = (x0: number, y0: number, x1: number, y1: number): number[] => [x0, y0, x1, y0, x1, y1, x0, y1]
