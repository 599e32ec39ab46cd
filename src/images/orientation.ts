/** @file Turns images upright as their orientation tag (EXIF, TIFF 274) says: the pixels are stored as the camera was held. */
import type { Size } from '../../engine/image/size'

/**
 * For pixel (x, y) of the upright image of (width, height), the stored pixel. Orientations 5 to 8 exchange the sides; their
 * stored image has the size (height, width).
 */
const sources: Record<number, (x: number, y: number, width: number, height: number) => [number, number]> = {
  2: (x, y, w) => [w - 1 - x, y],
  3: (x, y, w, h) => [w - 1 - x, h - 1 - y],
  4: (x, y, _, h) => [x, h - 1 - y],
  5: (x, y) => [y, x],
  6: (x, y, w) => [y, w - 1 - x],
  7: (x, y, w, h) => [h - 1 - y, w - 1 - x],
  8: (x, y, _, h) => [h - 1 - y, x],
}

/** True if an orientation exchanges width and height. */
export const exchangesSides = (orientation: number | undefined): boolean =>
  orientation !== undefined && orientation > 4 && orientation <= 8

/**
 * The image turned upright; the image itself if it is so already. `orientation` of the result says by which tag it was turned.
 * @param orientation 1 to 8; other numbers mean nothing
 */
export function turnUpright<T extends Size & { channels?: number; data: Uint8Array | Uint16Array | Float32Array }>(
  image: T,
  orientation: number | undefined,
): T & { orientation?: number } {
  const source = sources[orientation ?? 1]
  if (!source) return image
  const { channels = 1, data } = image
  const [width, height] = exchangesSides(orientation) ? [image.height, image.width] : [image.width, image.height]
  const turned = new (data.constructor as Uint8ArrayConstructor)(data.length)
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [sx, sy] = source(x, y, width, height)
      const from = (sy * image.width + sx) * channels
      for (let c = 0; c < channels; c++) turned[to++] = data[from + c]
    }
  return { ...image, width, height, data: turned, orientation }
}
