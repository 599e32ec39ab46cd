/** @file How a safetensors file begins: the names, shapes and places of its tensors. */

/** A tensor that follows the header. */
export interface HeaderEntry {
  name: string
  /** The format's name of its numbers' type, such as 'F32'. */
  dtype: string
  shape: readonly number[]
  bytes: number
}

/** Bytes before the text of the header: its length, as a 64-bit integer. */
export const HEADER_PREFIX = 8
/** Fills the text up to a multiple of eight bytes. */
const SPACE = 0x20

/** The bytes before the tensors, which follow in this order. Each name occurs once. */
export function safetensorsHeader(
  entries: readonly HeaderEntry[],
  metadata: Record<string, string>,
): Uint8Array<ArrayBuffer> {
  // without a prototype, because a tensor may have any name
  const fields: Record<string, unknown> = Object.create(null)
  if (Object.keys(metadata).length) fields.__metadata__ = metadata
  let at = 0
  for (const { name, dtype, shape, bytes } of entries) {
    fields[name] = { dtype, shape, data_offsets: [at, at + bytes] }
    at += bytes
  }
  const text = new TextEncoder().encode(JSON.stringify(fields))
  const padded = Math.ceil(text.length / 8) * 8
  const header = new Uint8Array(HEADER_PREFIX + padded).fill(SPACE)
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true)
  header.set(text, HEADER_PREFIX)
  return header
}
