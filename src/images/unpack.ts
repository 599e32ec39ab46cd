/** @file Decompresses the strips and tiles of TIFF files: LZW, deflate and PackBits. The output never exceeds the expected size. */
import type { TiffSource } from './tiff-tags'

/** A strip may be padded to more rows than the image has; more than this many surplus bytes are an attack. */
const SURPLUS = 2 ** 16

/** Numbers of TIFF's Compression tag that `unpack` reads. */
export const unpackable: readonly number[] = [1, 5, 8, 32946, 32773]

/**
 * The first `length` bytes of a strip or tile.
 * @param compression a number of `unpackable`
 * @throws Error if the data are damaged or too short
 */
export async function unpack(
  bytes: Uint8Array,
  compression: number,
  length: number,
  inflate: TiffSource['inflate'],
): Promise<Uint8Array> {
  let unpacked: Uint8Array = bytes
  if (compression === 5) unpacked = unpackLzw(bytes, length)
  else if (compression === 32773) unpacked = unpackBits(bytes, length)
  else if (compression !== 1) {
    try {
      unpacked = await inflate(bytes, length + SURPLUS)
    } catch {
      throw new Error('the TIFF is damaged: its deflated pixels cannot be unpacked')
    }
  }
  if (unpacked.length < length)
    throw new Error('the TIFF is truncated: it contains fewer values than its size requires')
  return unpacked.subarray(0, length)
}

/** PackBits: a signed byte n, then n + 1 literal bytes, or one byte that is repeated 1 - n times; -128 means nothing. */
function unpackBits(bytes: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length)
  let to = 0
  for (let at = 0; at < bytes.length && to < length;) {
    const n = (bytes[at++] << 24) >> 24
    if (n === -128) continue
    if (n >= 0) {
      const literal = bytes.subarray(at, at + Math.min(n + 1, length - to))
      out.set(literal, to)
      to += literal.length
      at += n + 1
    } else {
      const count = Math.min(1 - n, length - to)
      out.fill(bytes[at++] ?? 0, to, to + count)
      to += count
    }
  }
  return out.subarray(0, to)
}

const CLEAR = 256
const END = 257
const MAX_CODES = 4096

/** TIFF's LZW: codes of 9 to 12 bits, the highest bit first, each code length left one code early. */
function unpackLzw(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes[0] === 0 && bytes[1] & 1)
    throw new Error('LZW of before TIFF 6.0 is not supported: save it without compression')
  const out = new Uint8Array(length)
  // the string of a code is that of its prefix and one more byte; it was also written at `starts` of the output
  const starts = new Uint32Array(MAX_CODES)
  const lengths = new Uint32Array(MAX_CODES)
  let [next, bits, to, held, count] = [END + 1, 9, 0, 0, 0]
  let [previousStart, previousLength] = [0, 0]
  for (let at = 0; to < length;) {
    while (count < bits) {
      if (at >= bytes.length) return out.subarray(0, to)
      held = ((held << 8) | bytes[at++]) & 0xffffff
      count += 8
    }
    count -= bits
    const code = (held >> count) & ((1 << bits) - 1)
    if (code === END) break
    if (code === CLEAR) {
      ;[next, bits, previousLength] = [END + 1, 9, 0]
      continue
    }
    const start = to
    let size = 1
    if (code < CLEAR) out[to++] = code
    else {
      // the code being defined by this very step is the previous string and its own first byte
      const own = code === next && previousLength > 0
      if (code > next || (code === next && !own)) throw new Error('the TIFF is damaged: its LZW codes are wrong')
      const from = own ? previousStart : starts[code]
      size = own ? previousLength + 1 : lengths[code]
      for (let i = 0; i < size && to < length; i++) out[to++] = out[from + i]
    }
    if (previousLength && next < MAX_CODES) {
      starts[next] = previousStart
      lengths[next] = previousLength + 1
      next++
      if (next + 1 >= 1 << bits && bits < 12) bits++
    }
    ;[previousStart, previousLength] = [start, size]
  }
  return out.subarray(0, to)
}
