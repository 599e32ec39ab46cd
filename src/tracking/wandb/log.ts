/**
 * @file The container of a `.wandb` file: seven bytes of header, then a LevelDB log. Blocks of 32 KiB are counted from the
 * file's start; a record is cut where a block ends, and each piece has its own CRC.
 *
 *     file   = ":W&B" u16 0xBEE1 u8 0, then pieces
 *     piece  = u32 CRC-32 of type and data, u16 length, u8 type, data        (little-endian)
 *     type   = 1 a whole record, 2 its first piece, 3 a middle one, 4 the last
 *
 * Fewer than seven bytes at a block's end are zeros.
 */
import { crc32 } from '../crc32'

export const BLOCK = 32768
const HEAD = 7
const type = { whole: 1, first: 2, middle: 3, last: 4 }

/** What a file begins with; the first record follows at offset 7. */
export const fileHeader = Uint8Array.of(0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0)

/** A record's bytes as they stand in a file from `offset` on, with the padding before it. */
export function frame(data: Uint8Array, offset: number): Uint8Array {
  const padding = BLOCK - (offset % BLOCK) < HEAD ? BLOCK - (offset % BLOCK) : 0
  const pieces: Uint8Array[] = [new Uint8Array(padding)]
  let room = BLOCK - ((offset + padding) % BLOCK)
  let start = 0
  for (let first = true; ; first = false) {
    const end = Math.min(data.length, start + room - HEAD)
    const last = end === data.length
    const kind = first ? (last ? type.whole : type.first) : last ? type.last : type.middle
    pieces.push(piece(kind, data.subarray(start, end)))
    if (last) return Buffer.concat(pieces)
    start = end
    room = BLOCK
  }
}

function piece(kind: number, data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(HEAD)
  head.writeUInt32LE(crc32(Uint8Array.of(kind), data), 0)
  head.writeUInt16LE(data.length, 4)
  head.writeUInt8(kind, 6)
  return Buffer.concat([head, data])
}

/** A record, and where in the file it lies; bytes [start, end) may be cut off a file's end and leave a whole file. */
export interface Logged {
  data: Uint8Array
  start: number
  end: number
}

/**
 * The records of a file, as far as they are whole: a killed program may have left a piece of one at the end.
 * @throws Error where the bytes are no `.wandb` file at all
 */
export function* readLog(bytes: Uint8Array): Generator<Logged, void> {
  if (!fileHeader.every((byte, i) => bytes[i] === byte)) throw new Error('it does not begin as a .wandb file does')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let start = fileHeader.length
  let at = start
  let pieces: Uint8Array[] = []
  for (;;) {
    const left = BLOCK - (at % BLOCK)
    if (left < HEAD) at += left
    if (at + HEAD > bytes.length) return
    const length = view.getUint16(at + 4, true)
    const kind = bytes[at + 6]
    const data = bytes.subarray(at + HEAD, at + HEAD + length)
    if (data.length < length || crc32(Uint8Array.of(kind), data) !== view.getUint32(at, true)) return
    const begins = kind === type.whole || kind === type.first
    if (begins !== (pieces.length === 0)) return
    pieces.push(data)
    at += HEAD + length
    if (kind === type.first || kind === type.middle) continue
    yield { data: pieces.length === 1 ? data : Buffer.concat(pieces), start, end: at }
    start = at
    pieces = []
  }
}
