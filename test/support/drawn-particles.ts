/** @file Masks of geometric shapes: the pixels whose centres (x + 0.5, y + 0.5) are inside. */
import type { Mask } from '../../engine/masks/mask'
import { runsOfMask } from '../../src/measure/shape/pixel-runs'

export type Inside = (x: number, y: number) => boolean

export function drawn(width: number, height: number, inside: Inside): Mask {
  const data = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[y * width + x] = +inside(x + 0.5, y + 0.5)
  return { x0: 0, y0: 0, width, height, data }
}

/** An ellipse of half axes a and b, the first axis rotated counter-clockwise in the displayed image by an angle in degrees. */
export function ellipse(cx: number, cy: number, a: number, b: number, degrees = 0): Inside {
  const [u, v] = turned(cx, cy, degrees)
  return (x, y) => (u(x, y) / a) ** 2 + (v(x, y) / b) ** 2 <= 1
}

export const disc = (cx: number, cy: number, r: number): Inside => ellipse(cx, cy, r, r)

/** A rectangle with sides w and h, the first side rotated likewise. */
export function rectangle(cx: number, cy: number, w: number, h: number, degrees = 0): Inside {
  const [u, v] = turned(cx, cy, degrees)
  return (x, y) => Math.abs(u(x, y)) <= w / 2 && Math.abs(v(x, y)) <= h / 2
}

function turned(cx: number, cy: number, degrees: number): [(x: number, y: number) => number, typeof Math.hypot] {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
  return [(x, y) => (x - cx) * cos - (y - cy) * sin, (x, y) => (x - cx) * sin + (y - cy) * cos]
}

/** A mask from rows of text: # is inside. */
const picture = (...rows: string[]): Mask =>
  drawn(
    Math.max(...rows.map(({ length }) => length)),
    rows.length,
    (x, y) => rows[Math.floor(y)][Math.floor(x)] === '#',
  )

export const runsOf = (...rows: string[]) => runsOfMask(picture(...rows))
