/** @file What can be had without a model: Otsu's threshold and a watershed. It sees the image and nothing else. */
import { components } from '../../engine/masks/components'
import type { Mask } from '../../engine/masks/mask'
import { maskOfLabel } from '../../engine/masks/mask-of-label'
import type { Size } from '../../engine/image/size'
import { otsuThreshold, smoothGray } from './otsu'
import { type Parts, watershed } from './watershed'

/** Holes and specks of a smaller share of the image are noise. */
const HOLE = 1 / 5000
const SPECK = 1 / 20_000

/**
 * The particles of an image (height, width, 3), in the order in which their first pixels are read.
 *
 * Gray values are smoothed and cut at Otsu's threshold; small holes are filled; the watershed parts what touches. Particles
 * may be the bright or the dark side: both are tried, and that whose parts are rounder is taken, by the share of the parts'
 * area that their largest inscribed discs fill. Gaps between particles are concave and lose.
 */
export function watershedMasks(image: Size & { rgb: Uint8Array }): Mask[] {
  const gray = smoothGray(image.rgb, image)
  const threshold = otsuThreshold(gray)
  if (threshold === null) return []
  const sides = [true, false].map((bright) => {
    const side = Uint8Array.from(gray, (value) => +(value >= threshold === bright))
    return watershed(fillSmallHoles(side, image), image)
  })
  const [bright, dark] = sides.map(roundness)
  return cutOut(sides[bright >= dark ? 0 : 1], image, SPECK * image.width * image.height)
}

/** The share of all parts' pixels that their inscribed discs fill, 0 to 1 (a little more on tiny parts). */
export function roundness({ areas, peaks }: Parts): number {
  const pixels = areas.reduce((sum, area) => sum + area, 0)
  // the outside pixel that the distance is measured to begins half a pixel nearer
  const discs = peaks.reduce((sum, peak) => sum + Math.PI * (peak - 0.5) ** 2, 0)
  return pixels ? discs / pixels : 0
}

function fillSmallHoles(side: Uint8Array, { width, height }: Size): Uint8Array {
  const { labels, areas } = components(
    side.map((inside) => 1 - inside),
    width,
    height,
  )
  const open = new Uint8Array(areas.length + 1)
  for (let x = 0; x < width; x++) open[labels[x]] = open[labels[(height - 1) * width + x]] = 1
  for (let y = 0; y < height; y++) open[labels[y * width]] = open[labels[y * width + width - 1]] = 1
  const most = HOLE * width * height
  return side.map((inside, i) => (inside || (!open[labels[i]] && areas[labels[i] - 1] < most) ? 1 : 0))
}

/** The parts of at least `least` pixels as masks. */
function cutOut({ labels, areas }: Parts, { width, height }: Size, least: number): Mask[] {
  const boxes = areas.map(() => ({ x0: width, y0: height, x1: -1, y1: -1 }))
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      if (!labels[at]) continue
      const box = boxes[labels[at] - 1]
      box.x0 = Math.min(box.x0, x)
      box.x1 = Math.max(box.x1, x)
      box.y0 = Math.min(box.y0, y)
      box.y1 = y
    }
  return boxes.flatMap((box, i) =>
    areas[i] < least ? [] : [maskOfLabel({ width, data: labels }, { id: i + 1, ...box })],
  )
}
