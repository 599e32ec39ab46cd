/** @file The brush masks of Label Studio: a packed run-length code of the four channels of an RGBA image. */
import { shown } from '../../text/check-value'

/** Reads numbers of some bits, the highest bit first. */
class Bits {
  private at = 0
  constructor(private readonly bytes: Uint8Array) {}

  /** @throws Error at the end */
  read(count: number): number {
    let value = 0
    for (let i = 0; i < count; i++, this.at++) {
      if (this.at >> 3 >= this.bytes.length) throw new Error('its brush mask is cut off')
      value = value * 2 + ((this.bytes[this.at >> 3] >> (7 - (this.at & 7))) & 1)
    }
    return value
  }
}

/**
 * The pixels of a brush mask as 0 and 1: those whose alpha is not 0. The code: 32 bits of the number of values, 5 of a
 * value's size less one, four times 4 of the sizes of run lengths less one; then for each run a bit that says whether one
 * value is repeated, two bits that choose a size, the length less one, and the value or the values.
 * @throws Error if it is damaged or of another number of pixels
 */
export function decodeBrush(rle: unknown, pixels: number): Uint8Array {
  if (!Array.isArray(rle)) throw new Error(`its rle is ${shown(rle)}, not a list of bytes`)
  const wrong = rle.findIndex((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255)
  if (wrong >= 0) throw new Error(`rle[${wrong}] is ${shown(rle[wrong])}, not a byte`)
  const bits = new Bits(Uint8Array.from(rle as number[]))
  const values = bits.read(32)
  if (values !== 4 * pixels) throw new Error(`its brush mask has ${values / 4} pixels, the image ${pixels}`)
  const wordSize = bits.read(5) + 1
  const sizes = [0, 1, 2, 3].map(() => bits.read(4) + 1)
  const mask = new Uint8Array(pixels)
  const set = (at: number, value: number) => {
    if (value && at % 4 === 3) mask[at >> 2] = 1
  }
  for (let at = 0; at < values;) {
    const repeated = bits.read(1)
    const end = at + 1 + bits.read(sizes[bits.read(2)])
    if (end > values) throw new Error('its brush mask is damaged: a run is too long')
    if (repeated) {
      const value = bits.read(wordSize)
      for (; at < end; at++) set(at, value)
    } else for (; at < end; at++) set(at, bits.read(wordSize))
  }
  return mask
}
