/** Readers of the trackers' files, independent of the program's own code, and the records of a run to write. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import type { TrackedRun } from '../../src/tracking/tracked-run'
import type { StepRecord, ValidationRecord } from '../../src/tracking/records'

/** CRC-32 bit by bit. */
export function slowCrc(polynomial: number, data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
  }
  return ~crc >>> 0
}

export interface Fragment {
  at: number
  type: number
  data: Buffer
}

/** Every fragment of a LevelDB log with its offset, each checked. @throws Error if anything is invalid */
export function fragmentsOf(file: Buffer): Fragment[] {
  if (file.subarray(0, 7).toString('hex') !== '3a572642e1be00') throw new Error('no header')
  const fragments: Fragment[] = []
  for (let at = 7; at < file.length;) {
    const left = 32768 - (at % 32768)
    if (left < 7) {
      if (file.subarray(at, at + left).some((byte) => byte !== 0)) throw new Error(`padding at ${at} is not zero`)
      at += left
      continue
    }
    const length = file.readUInt16LE(at + 4)
    if (length + 7 > left) throw new Error(`the fragment at ${at} goes over the end of its block`)
    const body = file.subarray(at + 6, at + 7 + length)
    if (body.length !== length + 1) throw new Error(`the fragment at ${at} is cut off`)
    if (slowCrc(0xedb88320, body) !== file.readUInt32LE(at)) throw new Error(`the fragment at ${at} has a wrong CRC`)
    fragments.push({ at, type: body[0], data: body.subarray(1) })
    at += 7 + length
  }
  return fragments
}

/** The records that fragments make up. */
export function joined(fragments: readonly Fragment[]): Buffer[] {
  const records: Buffer[] = []
  let open: Buffer[] | null = null
  for (const { type, data, at } of fragments) {
    const begins = type === 1 || type === 2
    if (begins !== (open === null) || type < 1 || type > 4) throw new Error(`type ${type} at ${at} is out of place`)
    open = [...(open ?? []), data]
    if (type === 2 || type === 3) continue
    records.push(Buffer.concat(open))
    open = null
  }
  return records
}

export type Field = number | bigint | Uint8Array
export type Fields = Map<number, Field[]>

/** A message's fields by number: integers and doubles as numbers, the rest as bytes. */
function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes)
  const fields: Fields = new Map()
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag()
    const value =
      wire === WireType.Varint
        ? Number(reader.int64())
        : wire === WireType.Bit64
          ? reader.double()
          : wire === WireType.Bit32
            ? reader.float()
            : reader.bytes()
    fields.set(number, [...(fields.get(number) ?? []), value])
  }
  return fields
}

const messages = (fields: Fields, number: number) => (fields.get(number) ?? []).map((b) => fieldsOf(b as Uint8Array))
export const textOf = (fields: Fields, number: number): string =>
  Buffer.from((fields.get(number)?.[0] as Uint8Array) ?? []).toString('utf8')
export const messageOf = (fields: Fields, number: number): Fields => messages(fields, number)[0] ?? new Map()

/** Items of key and JSON value. */
export const itemsOf = (fields: Fields, number = 1): Record<string, unknown> =>
  Object.fromEntries(messages(fields, number).map((item) => [textOf(item, 1), JSON.parse(textOf(item, 16))]))

export interface WandbRecord {
  number: number
  /** Number of the field that contains the record's kind: see wandb_internal.proto. */
  kind: number
  content: Fields
}

export const wandbRecords = (file: Buffer): WandbRecord[] =>
  joined(fragmentsOf(file)).map((data) => {
    const fields = fieldsOf(data)
    const [kind] = [...fields.keys()].filter((number) => number !== 1)
    return { number: fields.get(1)![0] as number, kind, content: messageOf(fields, kind) }
  })

/** Steps and values of the history. */
export const historyOf = (records: readonly WandbRecord[]) =>
  records
    .filter(({ kind }) => kind === 2)
    .map(({ content }) => ({
      step: (messageOf(content, 2).get(1)?.[0] as number) ?? 0,
      values: itemsOf(content) as Record<string, number>,
    }))

/** The events of a TensorBoard file, each checked. */
export function tensorboardEvents(file: Buffer): Fields[] {
  const masked = (data: Uint8Array) => {
    const crc = slowCrc(0x82f63b78, data)
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
  }
  const events: Fields[] = []
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at))
    const data = file.subarray(at + 12, at + 12 + length)
    if (masked(file.subarray(at, at + 8)) !== file.readUInt32LE(at + 8)) throw new Error(`wrong CRC of length at ${at}`)
    if (masked(data) !== file.readUInt32LE(at + 12 + length)) throw new Error(`wrong CRC of data at ${at}`)
    events.push(fieldsOf(data))
    at += 16 + length
  }
  return events
}

/** Tags, values and steps of the numbers in events. */
export const scalarsOf = (events: readonly Fields[]) =>
  events.flatMap((event) =>
    messages(messageOf(event, 5), 1)
      .filter((value) => value.has(2))
      .map((value) => ({
        step: (event.get(2)?.[0] as number) ?? 0,
        tag: textOf(value, 1),
        value: value.get(2)![0] as number,
      })),
  )

export const tracked = (folder: string, over: Partial<TrackedRun> = {}): TrackedRun => ({
  folder,
  id: 'abcd1234',
  project: 'particles',
  name: 'first',
  notes: 'grüße "quoted"\nand a second line',
  tags: ['a', 'b c'],
  config: { size: 80, lora: { rank: 4, targets: ['q', 'v'] }, rate: 1e-7, coco: null },
  past: [],
  reported: -1,
  ...over,
})

export const stepRecord = (step: number): StepRecord => ({
  kind: 'step',
  step,
  epoch: step / 3,
  loss: 2 / step,
  parts: { dice: 1 / step, bce: 0.5 / step, iou: 0.25 },
  learningRate: 1e-3,
  gradientNorm: step === 2 ? Infinity : 0.125 * step,
  ...(step === 2 && { skipped: true as const }),
  time: { seconds: 10 * step, imagesPerSecond: 2 },
})

export const validationRecord = (step: number): ValidationRecord => {
  const measures = { dice: 0.5, miou: 0.25, accuracy: 0.75, instanceDice: 0.125 }
  return {
    kind: 'validation',
    step,
    epoch: step / 3,
    score: 0.625,
    point: measures,
    box: { ...measures, dice: 1 },
    time: { seconds: 10 * step + 5 },
  }
}

/** A picture event; the signature is enough of a PNG for sinks that do not decode it. */
export const picture = (step: number) => ({
  kind: 'image' as const,
  step,
  name: 'val/image_1',
  png: Uint8Array.of(0x89, 0x50, 0x4e, 0x47, step),
  width: 3,
  height: 2,
  caption: 'scene: labels, point prompts',
})
