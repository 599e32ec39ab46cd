/** @file An image as it is read from a file, and the sizes beyond which it is refused. */

export interface Image {
  width: number
  height: number
  channels: 1 | 3
  /** Interleaved (height, width, channels), the file's own values. */
  data: Uint8Array | Uint16Array | Float32Array
  /** Bits of a value; 32 means float (32-bit integers are read into floats). */
  depth: 8 | 16 | 32
  /** The value that marks pixels without data, if the file says so. */
  nodata?: number
  /** The orientation tag (2 to 8) by which the stored pixels were turned upright. */
  orientation?: number
}

/** Larger images (2^29 pixels) are refused before any memory is allocated: a safeguard against files that claim absurd sizes. */
export const maxPixels = 2 ** 29

/** Images whose values take more bytes are refused as well: colour, 16 bits and floats reach this limit sooner. */
export const maxBytes = 2 ** 31

/**
 * A file may claim this many bytes of values (an 8-bit image of 16,384 x 16,384) however small it is. Beyond that it must have at
 * least one byte for every `MAX_EXPANSION` that it claims: images of microscopes compress by a factor of 2 to 20, label maps
 * by up to 150.
 */
const FREE_BYTES = 2 ** 28
const MAX_EXPANSION = 200

/**
 * Checks what a file claims before any memory is allocated.
 * @param bytes of all values that would be read
 * @param fileBytes size of the file
 * @throws Error without the file's name
 */
export function checkClaim(width: number, height: number, bytes: number, fileBytes: number, maxPixels: number): void {
  if (!(width * height <= maxPixels)) throw new Error(tooLarge(width, height, maxPixels))
  const gibibytes = (bytes / 2 ** 30).toFixed(1)
  if (!(bytes <= maxBytes))
    throw new Error(`its values take ${gibibytes} GiB, more than the 2 GiB that can be read at once: cut it into tiles`)
  if (bytes > FREE_BYTES && bytes > MAX_EXPANSION * fileBytes)
    throw new Error(
      `its ${width}x${height} pixels would take ${gibibytes} GiB, over ${MAX_EXPANSION} times the size of the file, which no image of a ` +
        'microscope does: if it is one, cut it into tiles',
    )
}

/** The error message for an image of too many pixels. */
export const tooLarge = (width: number, height: number, maxPixels: number): string =>
  `${width}x${height} pixels are more than the ${Math.round(maxPixels / 1e6)} million that can be read at once: cut the image into tiles`
