/**
 * @file Reads the wire format of protobuf messages: fields by number, each a varint, four or eight bytes, or a length and bytes. ONNX
 * needs no more of it, and a page that opens weights need not load a library for it. It runs in any host.
 */

/** How a field is stored. */
export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/** Reads one message. @throws Error if it ends too early or is damaged */
export class ProtobufReader {
  private at = 0

  constructor(private readonly message: Uint8Array) {}

  get position(): number {
    return this.at
  }

  get done(): boolean {
    return this.at >= this.message.length
  }

  /** The number of the next field, and how it is stored. */
  tag(): { field: number; wire: number } {
    const tag = this.varint()
    return { field: Math.floor(tag / 8), wire: tag % 8 }
  }

  /** An integer that is not negative, of at most 53 bits. */
  varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      if (this.done) throw new Error('it ends within a number')
      const byte = this.message[this.at++]
      value += (byte & 127) * scale
      if (value > Number.MAX_SAFE_INTEGER) throw new Error('a number in it is too large')
      if (byte < 128) return value
    }
  }

  /** A view of the bytes of a field: a text, a message, or raw data. */
  bytes(): Uint8Array {
    const length = this.varint()
    const start = this.skipBytes(length)
    return this.message.subarray(start, start + length)
  }

  text(): string {
    return new TextDecoder().decode(this.bytes())
  }

  /** Skips the value of a field. */
  skip(wire: number): void {
    if (wire === wireTypes.varint) this.skipVarint()
    else if (wire === wireTypes.fixed64) this.skipBytes(8)
    else if (wire === wireTypes.fixed32) this.skipBytes(4)
    else if (wire === wireTypes.bytes) this.skipBytes(this.varint())
    else throw new Error(`a field is stored in the unknown way ${wire}`)
  }

  /** Negative numbers take ten bytes. */
  private skipVarint(): void {
    const start = this.at
    while (this.message[this.at++] >= 128) if (this.at - start >= 10) throw new Error('a number in it is too long')
    if (this.at > this.message.length) throw new Error('it ends within a number')
  }

  private skipBytes(length: number): number {
    if (length > this.message.length - this.at) throw new Error('it ends too early')
    this.at += length
    return this.at - length
  }
}
