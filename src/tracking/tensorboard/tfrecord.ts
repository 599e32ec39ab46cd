/**
 * @file TFRecord framing of TensorBoard's event files: u64 length, masked CRC-32C of the length, the data, masked CRC-32C
 * of the data; all little-endian.
 */
import { crc32c } from '../../host/crc32'

const HEAD = 12

/** Returns the data as a TFRecord. */
export function frame(data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(HEAD)
  head.writeBigUInt64LE(BigInt(data.length), 0)
  head.writeUInt32LE(masked(head.subarray(0, 8)), 8)
  const tail = Buffer.alloc(4)
  tail.writeUInt32LE(masked(data), 0)
  return Buffer.concat([head, data, tail])
}

/** Yields the records of a file up to the first incomplete or damaged one. */
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

/** CRC-32C rotated by 15 bits plus a constant, as the format requires: a CRC of data that contains CRCs is weak. */
function masked(data: Uint8Array): number {
  const crc = crc32c(data)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
