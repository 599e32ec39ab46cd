/** @file A minimal protobuf writer and reader by field number, sufficient for the records of the two trackers. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** A message under construction. Empty strings and zeros are the format's defaults and are omitted. */
export class Message {
  private readonly writer = new BinaryWriter()

  text(field: number, value: string): this {
    if (value) this.writer.tag(field, WireType.LengthDelimited).string(value)
    return this
  }

  texts(field: number, values: readonly string[]): this {
    for (const value of values) this.writer.tag(field, WireType.LengthDelimited).string(value)
    return this
  }

  bytes(field: number, value: Uint8Array): this {
    this.writer.tag(field, WireType.LengthDelimited).bytes(value)
    return this
  }

  /** An integer that a double represents exactly. */
  whole(field: number, value: number): this {
    if (value) this.writer.tag(field, WireType.Varint).int64(value)
    return this
  }

  float(field: number, value: number): this {
    this.writer.tag(field, WireType.Bit32).float(value)
    return this
  }

  double(field: number, value: number): this {
    this.writer.tag(field, WireType.Bit64).double(value)
    return this
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish())
  }

  messages(field: number, values: readonly Message[]): this {
    for (const value of values) this.message(field, value)
    return this
  }

  /** google.protobuf.Timestamp. */
  time(field: number, milliseconds: number): this {
    const seconds = Math.floor(milliseconds / 1000)
    const nanos = Math.round((milliseconds - 1000 * seconds) * 1e6)
    return this.message(field, new Message().whole(1, seconds).whole(2, nanos))
  }

  /** The message's bytes; nothing may be added afterwards. */
  finish(): Uint8Array {
    return this.writer.finish()
  }
}

type Handlers = Record<number, (reader: BinaryReader) => void>

/** Calls the handlers of a message's fields in order, skipping fields without one. @throws Error if the bytes are not a message */
export function readFields(bytes: Uint8Array, handlers: Handlers): void {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag()
    if (handlers[field]) handlers[field](reader)
    else reader.skip(wire, field)
  }
}
