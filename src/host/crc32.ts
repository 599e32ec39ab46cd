/** @file Table-driven CRC-32: zlib's polynomial for W&B's and zip files, Castagnoli's for TensorBoard's. It runs in any host. */

function table(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    return crc
  })
}

function sum(table: Uint32Array, parts: readonly Uint8Array[]): number {
  let crc = 0xffffffff
  for (const part of parts) for (const byte of part) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

const zlib = table(0xedb88320)
const castagnoli = table(0x82f63b78)

/** CRC-32 of the concatenated parts, as in zlib and PNG. */
export const crc32 = (...parts: Uint8Array[]): number => sum(zlib, parts)

/** Node's own CRC-32, several times as fast. Undefined in other hosts and in older versions of Node. */
const native = globalThis.process?.getBuiltinModule?.('node:zlib')?.crc32

/** CRC-32 of bytes that follow others, whose CRC-32 is `before` (0 for none), for members that are read in parts. */
export function crc32After(before: number, bytes: Uint8Array): number {
  if (native) return native(bytes, before)
  let crc = before ^ 0xffffffff
  for (let i = 0; i < bytes.length; i++) crc = zlib[(crc ^ bytes[i]) & 255] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

/** CRC-32C (Castagnoli) of the concatenated parts, as in iSCSI and TFRecord. */
export const crc32c = (...parts: Uint8Array[]): number => sum(castagnoli, parts)
