/** @file The baseline without a model: Otsu's threshold and a watershed, from the image alone. */
import { components } from '../../engine/masks/components'
import type { Mask } from '../../engine/masks/mask'
import { maskOfLabel } from '../../engine/masks/mask-of-label'
import type { Size } from '../../engine/image/size'
import { otsuThreshold, smoothGray } from './otsu'
import type { Parts } from '../../engine/masks/watershed'
import { splitAtNecks } from './split-at-necks'

/** Holes and parts smaller than these fractions of the image are noise. */
const HOLE = 1 / 5000
const SPECK = 1 / 20_000

/**
 * Segments the particles of an image (height, width, 3). Masks are in the reading order of their first pixels.
 *
 * Gray values are smoothed and thresholded by Otsu's method, small holes are filled, and a watershed separates touching
 * particles. Particles may be brighter or darker than the background, so both sides are segmented and the one with the rounder
 * parts is kept: roundness is the fraction of the parts' area that their largest inscribed discs fill, which is low for the
 * concave gaps between particles.
 */
export function watershedMasks(image: Size & { rgb: Uint8Array }): Mask[] {
  const gray = smoothGray(image.rgb, image)
  const threshold = otsuThreshold(gray)
  if (threshold === null) return []
  const sides = [true, false].map((bright) => {
    const side = Uint8Array.from(gray, (value) => +(value >= threshold === bright))
    return splitAtNecks(fillSmallHoles(side, image), image)
  })
  const [bright, dark] = sides.map(roundness)
  return cutOut(sides[bright >= dark ? 0 : 1], image, SPECK * image.width * image.height)
}

/** The fraction of all parts' pixels that their inscribed discs fill, 0 to 1 (slightly more for tiny parts). */
export function roundness({ areas, peaks }: Parts): number {
  const pixels = areas.reduce((sum, area) => sum + area, 0)
  // distances are measured to the centre of the nearest outside pixel, whose edge is half a pixel nearer
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
  const limit = HOLE * width * height
  return side.map((inside, i) => (inside || (!open[labels[i]] && areas[labels[i] - 1] < limit) ? 1 : 0))
}

/** The parts of at least `minArea` pixels as masks. */
function cutOut({ labels, areas }: Parts, { width, height }: Size, minArea: number): Mask[] {
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
    areas[i] < minArea ? [] : [maskOfLabel({ width, data: labels }, { id: i + 1, ...box })],
  )
}
