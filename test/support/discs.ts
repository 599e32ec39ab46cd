/** @file Discs for tests of segmentation without a model: as a mask, and as an image with its labels. */
import { Rng } from '../../engine/rng'

/** 1 in discs [x, y, radius]. */
export const discs = (list: number[][], { width, height } = { width: 96, height: 64 }) =>
  Uint8Array.from(
    { length: width * height },
    (_, i) => +list.some(([x, y, r]) => Math.hypot((i % width) - x, Math.floor(i / width) - y) <= r),
  )

/** Twenty touching discs as an image of 200 x 160 pixels with noise, and their labels. */
export function touchingDiscs(bright: boolean) {
  const big = { width: 200, height: 160 }
  const list: number[][] = []
  for (let row = 0; row < 4; row++) for (let i = 0; i < 5; i++) list.push([20 + 38 * i, 20 + 39 * row, 20])
  const rng = new Rng(2)
  const inside = discs(list, big)
  const rgb = new Uint8Array(inside.length * 3)
  inside.forEach((on, i) =>
    rgb.fill((on ? (bright ? 170 : 60) : bright ? 60 : 170) + 20 * rng.normal(), 3 * i, 3 * i + 3),
  )
  const data = new Uint16Array(inside.length)
  // each pixel to the nearest disc
  inside.forEach((on, i) => {
    if (!on) return
    const far = list.map(([x, y]) => Math.hypot((i % big.width) - x, Math.floor(i / big.width) - y))
    data[i] = far.indexOf(Math.min(...far)) + 1
  })
  return { image: { ...big, rgb }, labels: { ...big, data } }
}
