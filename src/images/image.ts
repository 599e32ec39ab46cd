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

/** The error message for an image of too many pixels. */
export const tooLarge = (width: number, height: number, maxPixels: number): string =>
  `${width}x${height} pixels are more than the ${Math.round(maxPixels / 1e6)} million that can be read at once: cut the image into tiles`
