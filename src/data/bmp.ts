import { tooLarge, type Image } from './pixels'

const compressions = ['', 'RLE8', 'RLE4', 'bit fields', 'JPEG', 'PNG']

/**
 * Reads an uncompressed Windows bitmap: 8 bits through the palette (microscopes write ones that are no gray ramp), 24
 * and 32 bits (the fourth byte is dropped), bottom-up or top-down. Gray palettes give one channel, all else three.
 * @throws Error with the reason, without the file's name
 */
export function readBmp(file: Uint8Array, maxPixels: number): Image {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  if (file.length < 26) throw new Error('the BMP header is cut off')
  const pixelsAt = view.getUint32(10, true)
  const headerSize = view.getUint32(14, true)
  const old = headerSize === 12
  if ((!old && headerSize < 40) || file.length < 14 + headerSize)
    throw new Error('the BMP header is cut off or damaged')
  const width = old ? view.getUint16(18, true) : view.getInt32(18, true)
  const signedHeight = old ? view.getInt16(20, true) : view.getInt32(22, true)
  const height = Math.abs(signedHeight)
  const bits = view.getUint16(old ? 24 : 28, true)
  const compression = old ? 0 : view.getUint32(30, true)
  if (width < 1 || height < 1) throw new Error(`a BMP of ${width}x${height} pixels has no picture`)
  if (width * height > maxPixels) throw new Error(tooLarge(width, height, maxPixels))
  if (compression && !(compression === 3 && bits === 32 && usualFields(view, headerSize)))
    throw new Error(
      `a BMP compressed by ${compressions[compression] ?? `method ${compression}`} is not read: save it uncompressed, or as PNG or TIFF`,
    )
  if (![8, 24, 32].includes(bits)) throw new Error(`a BMP of ${bits} bits a pixel is not read, only 8, 24 and 32`)

  const bytes = bits / 8
  const stride = Math.ceil((width * bytes) / 4) * 4
  if (pixelsAt + stride * (height - 1) + width * bytes > file.length)
    throw new Error(`the BMP is cut off: ${width}x${height} pixels need more than its ${file.length} bytes`)

  const palette = bits === 8 ? readPalette(view, headerSize, old, pixelsAt) : undefined
  const gray = palette?.every(([r, g, b]) => r === g && g === b)
  const channels = gray ? 1 : 3
  const data = new Uint8Array(width * height * channels)
  for (let y = 0, to = 0; y < height; y++) {
    let from = pixelsAt + (signedHeight < 0 ? y : height - 1 - y) * stride
    for (let x = 0; x < width; x++, from += bytes) {
      if (!palette) {
        data[to++] = file[from + 2]
        data[to++] = file[from + 1]
        data[to++] = file[from]
        continue
      }
      const colour = palette[file[from]]
      if (!colour) throw new Error(`a pixel of the BMP has colour ${file[from]}, its palette only ${palette.length}`)
      for (let c = 0; c < channels; c++) data[to++] = colour[c]
    }
  }
  return { width, height, channels, data, depth: 8 }
}

function readPalette(view: DataView, headerSize: number, old: boolean, pixelsAt: number): [number, number, number][] {
  const at = 14 + headerSize
  const entry = old ? 3 : 4
  const room = Math.floor((Math.min(pixelsAt, view.byteLength) - at) / entry)
  const stated = old ? 256 : view.getUint32(46, true) || 256
  const count = Math.max(0, Math.min(stated, 256, room))
  if (!count) throw new Error('the BMP has 8 bits a pixel and no palette')
  return Array.from({ length: count }, (_, i) => {
    const [b, g, r] = [0, 1, 2].map((c) => view.getUint8(at + i * entry + c))
    return [r, g, b]
  })
}

/** Whether the bit fields are plain BGRA. */
function usualFields(view: DataView, headerSize: number): boolean {
  if (view.byteLength < 66 || headerSize < 40) return false
  return [0xff0000, 0xff00, 0xff].every((mask, i) => view.getUint32(54 + 4 * i, true) === mask)
}
