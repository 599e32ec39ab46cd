/**
 * @file TFRecord framing, as TensorBoard's event files have it: u64 length, masked CRC-32C of it, the data, masked CRC-32C
 * of that; all little-endian.
 */
import { crc32c } from '../crc32'

const HEAD = 12

export function frame(data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(HEAD)
  head.writeBigUInt64LE(BigInt(data.length), 0)
  head.writeUInt32LE(masked(head.subarray(0, 8)), 8)
  const tail = Buffer.alloc(4)
  tail.writeUInt32LE(masked(data), 0)
  return Buffer.concat([head, data, tail])
}

/** The records of a file, as far as they are whole. */
export function* readRecords(bytes: Uint8Array): Generator<Uint8Array, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + HEAD <= bytes.length;) {
    const length = Number(view.getBigUint64(at, true))
    const end = at + HEAD + length + 4
    if (end > bytes.length || view.getUint32(at + 8, true) !== masked(bytes.subarray(at, at + 8))) return
    const data = bytes.subarray(at + HEAD, at + HEAD + length)
    if (view.getUint32(end - 4, true) !== masked(data)) return
    yield data
    at = end
  }
}

/** A CRC over data that holds CRCs is a weak one: the format turns it by 15 bits and adds a constant. */
function masked(data: Uint8Array): number {
  const crc = crc32c(data)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
