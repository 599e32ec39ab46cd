/** @file Makes the palette indices of a PNG readable: declares them gray values, which every decoder returns unchanged. */
import { crc32 } from '../host/crc32'

const SIGNATURE = 8
const GRAY = 0
const PALETTE = 3
/** The header, IHDR, is always the first chunk: 4 bytes of length, 4 of type, 13 of data, 4 of checksum. */
const HEADER = { at: SIGNATURE + 8, length: 13, bits: 8, kind: 9 }

/** The bits of a PNG's values, and whether it has a palette. @throws Error if it is too short */
export function pngKind(file: Buffer): { bits: number; palette: boolean } {
  if (file.length < HEADER.at + HEADER.length + 4 || file.toString('latin1', 12, 16) !== 'IHDR')
    throw new Error('the PNG is truncated or damaged')
  return { bits: file[HEADER.at + HEADER.bits], palette: file[HEADER.at + HEADER.kind] === PALETTE }
}

/**
 * A PNG of the indices of one with a palette, and the palette.
 * @throws Error if it is damaged
 */
export function indicesAsGray(file: Buffer): { file: Buffer; colours: Uint8Array } {
  const parts = [file.subarray(0, SIGNATURE)]
  let colours = new Uint8Array(0)
  for (let at = SIGNATURE; at + 12 <= file.length;) {
    const length = file.readUInt32BE(at)
    const type = file.toString('latin1', at + 4, at + 8)
    const end = at + 12 + length
    if (end > file.length) throw new Error('the PNG is truncated')
    // the decoder checks the other chunks; these two it sees in another form
    if ((type === 'IHDR' || type === 'PLTE') && crc32(file.subarray(at + 4, end - 4)) !== file.readUInt32BE(end - 4))
      throw new Error(`the PNG is damaged: the checksum of its ${type} is wrong`)
    if (type === 'PLTE') colours = Uint8Array.from(file.subarray(at + 8, end - 4))
    if (at === SIGNATURE) {
      const header = Buffer.from(file.subarray(at, end))
      header[8 + HEADER.kind] = GRAY
      header.writeUInt32BE(crc32(header.subarray(4, header.length - 4)), header.length - 4)
      parts.push(header)
    } else if (!['PLTE', 'tRNS', 'bKGD', 'sBIT', 'hIST'].includes(type)) parts.push(file.subarray(at, end))
    at = end
  }
  if (!colours.length || colours.length % 3) throw new Error('the PNG is damaged: its palette is missing')
  return { file: Buffer.concat(parts), colours }
}
