/**
 * @file The container format of a `.wandb` file: seven bytes of header, then a LevelDB log. Blocks of 32 KiB are counted
 * from the start of the file; a record is split at block ends into fragments, each with its own CRC.
 *
 *     file     = ":W&B" u16 0xBEE1 u8 0, then fragments
 *     fragment = u32 CRC-32 of type and data, u16 length, u8 type, data        (little-endian)
 *     type     = 1 a whole record, 2 its first fragment, 3 a middle one, 4 the last
 *
 * Fewer than seven bytes left in a block are zeros.
 */
import { crc32 } from '../../host/crc32'

export const BLOCK = 32768
const HEAD = 7
const type = { whole: 1, first: 2, middle: 3, last: 4 }

/** The first bytes of a file; the first record follows at offset 7. */
export const fileHeader = Uint8Array.of(0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0)

/** Returns the bytes of a record at a file offset, including the padding before it. */
export function frame(data: Uint8Array, offset: number): Uint8Array {
  const padding = BLOCK - (offset % BLOCK) < HEAD ? BLOCK - (offset % BLOCK) : 0
  const fragments: Uint8Array[] = [new Uint8Array(padding)]
  let room = BLOCK - ((offset + padding) % BLOCK)
  let start = 0
  for (let first = true; ; first = false) {
    const end = Math.min(data.length, start + room - HEAD)
    const last = end === data.length
    const kind = first ? (last ? type.whole : type.first) : last ? type.last : type.middle
    fragments.push(fragment(kind, data.subarray(start, end)))
    if (last) return Buffer.concat(fragments)
    start = end
    room = BLOCK
  }
}

function fragment(kind: number, data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(HEAD)
  head.writeUInt32LE(crc32(Uint8Array.of(kind), data), 0)
  head.writeUInt16LE(data.length, 4)
  head.writeUInt8(kind, 6)
  return Buffer.concat([head, data])
}

/** A record and its place in the file: a file cut at `start` or `end` is still valid. */
export interface LoggedRecord {
  data: Uint8Array
  start: number
  end: number
}

/**
 * Yields the records of a file up to the first incomplete or damaged one: a killed program may have left a part of a record.
 * @throws Error if the bytes are not a `.wandb` file
 */
export function* readLog(bytes: Uint8Array): Generator<LoggedRecord, void> {
  if (!fileHeader.every((byte, i) => bytes[i] === byte)) throw new Error('it is not a .wandb file')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let start = fileHeader.length
  let at = start
  let fragments: Uint8Array[] = []
  for (;;) {
    const left = BLOCK - (at % BLOCK)
    if (left < HEAD) at += left
    if (at + HEAD > bytes.length) return
    const length = view.getUint16(at + 4, true)
    const kind = bytes[at + 6]
    const data = bytes.subarray(at + HEAD, at + HEAD + length)
    if (data.length < length || crc32(Uint8Array.of(kind), data) !== view.getUint32(at, true)) return
    const begins = kind === type.whole || kind === type.first
    if (begins !== (fragments.length === 0)) return
    fragments.push(data)
    at += HEAD + length
    if (kind === type.first || kind === type.middle) continue
    yield { data: fragments.length === 1 ? data : Buffer.concat(fragments), start, end: at }
    start = at
    fragments = []
  }
}
