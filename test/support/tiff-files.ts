/** @file Makes TIFF files byte by byte: valid ones of every kind, and malicious ones. */

/** A tag's value: text, bytes, or numbers of a TIFF type (3 = 16 bit, 4 = 32 bit, 5 = rational pairs, 12 = double, …). */
export interface Tag {
  tag: number
  type?: number
  values: number[] | string | Uint8Array
}

export interface Page {
  tags: Tag[]
  /** Strips, or tiles if `tiled`. */
  data?: Uint8Array[]
  tiled?: boolean
  /** A directory that tag 34665 points to. */
  exif?: Tag[]
}

const sizes: Record<number, number> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  13: 4,
  16: 8,
}

/** The bytes of a TIFF of these pages: little or big endian, classic or BigTIFF. */
export function tiffFile(pages: Page[], { bigEndian = false, big = false } = {}): Buffer {
  const chunks: Buffer[] = []
  let length = 0
  const append = (bytes: Uint8Array): number => {
    const at = length
    const padded = Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)])
    chunks.push(padded)
    length += padded.length
    return at
  }
  const number = (bytes: number, value: number): Buffer => {
    const buffer = Buffer.alloc(bytes)
    if (bytes === 8) buffer[bigEndian ? 'writeBigUInt64BE' : 'writeBigUInt64LE'](BigInt(value))
    else if (bigEndian) buffer.writeUIntBE(value, 0, bytes)
    else buffer.writeUIntLE(value, 0, bytes)
    return buffer
  }
  const word = big ? 8 : 4
  append(Buffer.alloc(big ? 16 : 8))

  const encode = ({ type = 4, values }: Tag): { type: number; count: number; bytes: Buffer } => {
    if (typeof values === 'string') {
      const bytes = Buffer.from(`${values}\0`, 'latin1')
      return { type: 2, count: bytes.length, bytes }
    }
    if (values instanceof Uint8Array)
      return { type: type === 4 ? 7 : type, count: values.length, bytes: Buffer.from(values) }
    const parts = values.map((value) => {
      if (type === 11 || type === 12) {
        const buffer = Buffer.alloc(sizes[type])
        if (type === 11) buffer[bigEndian ? 'writeFloatBE' : 'writeFloatLE'](value)
        else buffer[bigEndian ? 'writeDoubleBE' : 'writeDoubleLE'](value)
        return buffer
      }
      return number(type === 5 ? 4 : sizes[type], value)
    })
    return { type, count: type === 5 ? values.length / 2 : values.length, bytes: Buffer.concat(parts) }
  }
  const directory = (tags: Tag[]): { at: number; next: Buffer } => {
    const entries = [...tags].sort((a, b) => a.tag - b.tag).map((tag) => ({ tag: tag.tag, ...encode(tag) }))
    const rows = entries.map(({ tag, type, count, bytes }) => {
      const value = Buffer.alloc(word)
      if (bytes.length <= word) bytes.copy(value)
      else number(word, append(bytes)).copy(value)
      return Buffer.concat([number(2, tag), number(2, type), number(word, count), value])
    })
    const next = Buffer.alloc(word)
    const ifd = Buffer.concat([number(big ? 8 : 2, entries.length), ...rows, next])
    const at = append(ifd)
    // the last chunk contains the offset of the next directory, which is not known yet
    const chunk = chunks[chunks.length - 1]
    return { at, next: chunk.subarray(ifd.length - word, ifd.length) }
  }

  const header = chunks[0]
  header.write(bigEndian ? 'MM' : 'II', 'latin1')
  number(2, big ? 43 : 42).copy(header, 2)
  if (big) number(2, 8).copy(header, 4)
  let next = header.subarray(big ? 8 : 4, big ? 16 : 8)
  for (const { tags, data = [], tiled, exif } of pages) {
    const all = [...tags]
    if (data.length) {
      const places = data.map(append)
      all.push({ tag: tiled ? 324 : 273, values: places })
      all.push({ tag: tiled ? 325 : 279, values: data.map((bytes) => bytes.length) })
    }
    if (exif) all.push({ tag: 34665, values: [directory(exif).at] })
    const { at, next: following } = directory(all)
    number(word, at).copy(next)
    next = following
  }
  return Buffer.concat(chunks)
}

/** The usual tags of an image with `samples` values of `bits` bits per pixel. */
export function picture(
  width: number,
  height: number,
  bits: number,
  given: { samples?: number; photometric?: number; format?: number; compression?: number } = {},
): Tag[] {
  const { samples = 1, format = 1, compression = 1 } = given
  const photometric = given.photometric ?? (samples >= 3 ? 2 : 1)
  return [
    { tag: 256, values: [width] },
    { tag: 257, values: [height] },
    { tag: 258, type: 3, values: new Array<number>(samples).fill(bits) },
    { tag: 259, type: 3, values: [compression] },
    { tag: 262, type: 3, values: [photometric] },
    { tag: 277, type: 3, values: [samples] },
    { tag: 278, values: [height] },
    { tag: 339, type: 3, values: new Array<number>(samples).fill(format) },
    ...(samples === 4 && photometric === 2 ? [{ tag: 338, type: 3, values: [2] }] : []),
  ]
}
