/** @file Reads Windows bitmaps (BMP), which sharp cannot. */
import { type Image, tooLarge } from './image'
import type { PaletteImage } from './palette-labels'

/** Names of compression methods by their number in the header. */
const compressions = ['', 'RLE8', 'RLE4', 'bit fields', 'JPEG', 'PNG']

/**
 * Reads an uncompressed Windows bitmap, bottom-up or top-down: 1, 4 and 8 bits through the palette (some microscopes write
 * palettes that are not a gray ramp), 24 and 32 bits (the fourth byte is dropped). Images with a gray palette get one
 * channel, all others three.
 * @param labelsOf makes labels of palette indices; then a file with a palette has 16-bit labels as values
 * @throws Error with the reason, without the file's name
 */
export function readBmp(file: Uint8Array, maxPixels: number, labelsOf?: (image: PaletteImage) => Uint16Array): Image {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  if (file.length < 26) throw new Error('the BMP header is truncated')
  const pixelsAt = view.getUint32(10, true)
  const headerSize = view.getUint32(14, true)
  const old = headerSize === 12
  if ((!old && headerSize < 40) || file.length < 14 + headerSize)
    throw new Error('the BMP header is truncated or damaged')
  const width = old ? view.getUint16(18, true) : view.getInt32(18, true)
  const signedHeight = old ? view.getInt16(20, true) : view.getInt32(22, true)
  const height = Math.abs(signedHeight)
  const bits = view.getUint16(old ? 24 : 28, true)
  const compression = old ? 0 : view.getUint32(30, true)
  if (width < 1 || height < 1) throw new Error(`a BMP of ${width}x${height} pixels is empty`)
  if (width * height > maxPixels) throw new Error(tooLarge(width, height, maxPixels))
  if (compression && !(compression === 3 && bits === 32 && isPlainBgra(view, headerSize)))
    throw new Error(
      `a BMP compressed by ${compressions[compression] ?? `method ${compression}`} is not supported: save it uncompressed, or as PNG or TIFF`,
    )
  if (![1, 4, 8, 24, 32].includes(bits))
    throw new Error(`a BMP of ${bits} bits per pixel is not supported, only 1, 4, 8, 24 and 32: save it as PNG or TIFF`)

  const stride = Math.ceil((width * bits) / 32) * 4
  if (pixelsAt + stride * (height - 1) + Math.ceil((width * bits) / 8) > file.length)
    throw new Error(`the BMP is truncated: ${width}x${height} pixels need more than its ${file.length} bytes`)

  const palette = bits <= 8 ? readPalette(view, bits, headerSize, old, pixelsAt) : undefined
  const channels = labelsOf && palette ? 1 : palette?.gray ? 1 : 3
  const data = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    const at = pixelsAt + (signedHeight < 0 ? y : height - 1 - y) * stride
    const row = file.subarray(at, at + stride)
    const to = data.subarray(y * width * channels, (y + 1) * width * channels)
    if (palette) applyPalette(row, bits, palette, width, labelsOf ? 0 : channels, to)
    else for (let x = 0; x < width; x++) for (let c = 0; c < 3; c++) to[3 * x + c] = row[x * (bits / 8) + 2 - c]
  }
  if (!labelsOf || !palette) return { width, height, channels, data, depth: 8 }
  const colours = Uint8Array.from(palette.colours.subarray(0, 3 * palette.count))
  return { width, height, channels, data: labelsOf({ indices: data, colours, optimised: true }), depth: 16 }
}

interface Palette {
  /** Red, green and blue of each index; -1 for indices beyond the palette. */
  colours: Int16Array
  gray: boolean
  count: number
}

/** Writes a row of palette indices as gray values or colours into `to`; the indices themselves for 0 channels. */
function applyPalette(
  row: Uint8Array,
  bits: number,
  palette: Palette,
  width: number,
  channels: number,
  to: Uint8Array,
): void {
  const { colours, count } = palette
  for (let x = 0; x < width; x++) {
    // Several pixels may share one byte; the first is in its highest bits.
    const index = bits === 8 ? row[x] : (row[(x * bits) >> 3] >> (8 - bits - ((x * bits) & 7))) & (2 ** bits - 1)
    if (colours[3 * index] < 0)
      throw new Error(`a pixel of the BMP has the colour index ${index}, its palette has only ${count} colours`)
    if (!channels) to[x] = index
    for (let c = 0; c < channels; c++) to[x * channels + c] = colours[3 * index + c]
  }
}

function readPalette(view: DataView, bits: number, headerSize: number, old: boolean, pixelsAt: number): Palette {
  const at = 14 + headerSize
  const entry = old ? 3 : 4
  const room = Math.floor((Math.min(pixelsAt, view.byteLength) - at) / entry)
  const most = 2 ** bits
  const stated = old ? most : view.getUint32(46, true) || most
  const count = Math.max(0, Math.min(stated, most, room))
  if (!count) throw new Error(`the BMP has ${bits} bits per pixel and no palette`)
  const colours = new Int16Array(3 * 256).fill(-1)
  let gray = true
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) colours[3 * i + c] = view.getUint8(at + i * entry + 2 - c)
    gray &&= colours[3 * i] === colours[3 * i + 1] && colours[3 * i] === colours[3 * i + 2]
  }
  return { colours, gray, count }
}

/** True if the bit fields of a 32-bit bitmap are plain BGRA. */
function isPlainBgra(view: DataView, headerSize: number): boolean {
  if (view.byteLength < 66 || headerSize < 40) return false
  return [0xff0000, 0xff00, 0xff].every((mask, i) => view.getUint32(54 + 4 * i, true) === mask)
}
