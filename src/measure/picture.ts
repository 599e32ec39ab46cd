/** @file A measured image for the report: its pixels as a JPEG, and the outline of each particle as an SVG path. */
import sharp from 'sharp'
import { maskPolygons } from '../dataset/contours'
import type { Image } from '../images/image'
import { toRGB8 } from '../images/rgb8'
import { isScattered, type LabelledMask, maskOfRuns, type PixelRuns } from './shape/pixel-runs'

export interface Picture {
  /** null without an image. */
  jpeg: Buffer | null
  /** For each particle, the d attribute of an SVG path in pixels of the measured image. */
  outlines: string[]
}

/** Longest side of the JPEG in pixels: larger ones would make the report heavy. */
const LONGEST_SIDE = 1280

export async function pictureOf(masks: readonly LabelledMask[], gray: Image | null): Promise<Picture> {
  return { jpeg: gray && (await jpegOf(gray)), outlines: masks.map(({ runs }) => outlineOf(runs)) }
}

function jpegOf(image: Image): Promise<Buffer> {
  const { width, height } = image
  return sharp(toRGB8(image), { raw: { width, height, channels: 3 } })
    .resize({ width: LONGEST_SIDE, height: LONGEST_SIDE, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 72, mozjpeg: true })
    .toBuffer()
}

/** Outlines along the borders of the pixels, holes included; of each run of pixels, if the mask is scattered. */
function outlineOf(runs: PixelRuns): string {
  if (isScattered(runs)) return runPaths(runs)
  return maskPolygons(maskOfRuns(runs))
    .flatMap(({ outer, holes }) => [outer, ...holes])
    .map((ring) =>
      ring
        .map(([x, y], i) => {
          if (!i) return `M${x} ${y}`
          const [lastX, lastY] = ring[i - 1]
          return y === lastY ? `h${x - lastX}` : x === lastX ? `v${y - lastY}` : `L${x} ${y}`
        })
        .join(''),
    )
    .map((ring) => `${ring}z`)
    .join('')
}

function runPaths(runs: PixelRuns): string {
  const paths: string[] = []
  for (let i = 0; i < runs.length; i += 3) {
    const length = runs[i + 2] - runs[i + 1]
    paths.push(`M${runs[i + 1]} ${runs[i]}h${length}v1h${-length}z`)
  }
  return paths.join('')
}
