/** @file A `.wandb` file on the disk, written record by record: at every moment all of it is whole. */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import type { BinaryReader } from '@bufbuild/protobuf/wire'
import { lookThrough, type Message } from '../protobuf'
import { fileHeader, frame, readLog } from './log'
import { type Kind, kinds, record } from './records'

export class WandbFile {
  private constructor(
    private readonly file: FileHandle,
    private offset: number,
    /** Number of the last record. */
    private count: number,
    /** The last step of its history, below 0 where there is none. */
    readonly step: number,
    /** When its run began, milliseconds since 1970; null in a new file. */
    readonly begun: number | null,
  ) {}

  /** A new file. @throws where there is one already */
  static async create(path: string): Promise<WandbFile> {
    const file = await open(path, 'wx')
    await file.write(fileHeader, 0, fileHeader.length, 0)
    return new WandbFile(file, fileHeader.length, 0, -1, null)
  }

  /**
   * Goes on with a file: cuts it before the first history of a later step than `told`, or before the record of an end.
   * @throws where it is damaged before its run's record
   */
  static async reopen(path: string, told: number): Promise<WandbFile> {
    const bytes = await readFile(path)
    let kept: { end: number; number: number } | null = null
    let step = -1
    let begun: number | null = null
    for (const { data, end } of readLog(bytes)) {
      const found = peek(data)
      if (found.ends || found.step > told) break
      kept = { end, number: found.number }
      step = Math.max(step, found.step)
      begun ??= found.begun
    }
    if (!kept || begun === null) throw new Error('its beginning is damaged')
    const file = await open(path, 'r+')
    await file.truncate(kept.end)
    return new WandbFile(file, kept.end, kept.number, step, begun)
  }

  /** In one write, which a kill either lets through or not; where it fails, what came through is taken back. */
  async append(kind: Kind, content: Message): Promise<void> {
    const bytes = frame(record(this.count + 1, kind, content), this.offset)
    try {
      const { bytesWritten } = await this.file.write(bytes, 0, bytes.length, this.offset)
      if (bytesWritten < bytes.length) throw new Error('the disk took only a part of a record')
    } catch (error) {
      await this.file.truncate(this.offset).catch(() => {})
      throw error
    }
    this.offset += bytes.length
    this.count++
  }

  flush(): Promise<void> {
    return this.file.sync()
  }

  close(): Promise<void> {
    return this.file.close()
  }
}

/** What matters of a record for going on after it. */
function peek(data: Uint8Array) {
  const found = { number: 0, step: -1, begun: null as number | null, ends: false }
  const whole = (reader: BinaryReader) => Number(reader.int64())
  const end = (reader: BinaryReader) => {
    found.ends = true
    reader.bytes()
  }
  lookThrough(data, {
    1: (reader) => void (found.number = whole(reader)),
    [kinds.history]: (reader) => {
      found.step = 0
      lookThrough(reader.bytes(), {
        2: (step) => lookThrough(step.bytes(), { 1: (number) => void (found.step = whole(number)) }),
      })
    },
    [kinds.run]: (reader) => {
      let [seconds, nanos] = [0, 0]
      lookThrough(reader.bytes(), {
        17: (time) =>
          lookThrough(time.bytes(), {
            1: (number) => void (seconds = whole(number)),
            2: (number) => void (nanos = number.int32()),
          }),
      })
      found.begun = 1000 * seconds + nanos / 1e6
    },
    [kinds.exit]: end,
    [kinds.final]: end,
  })
  return found
}
