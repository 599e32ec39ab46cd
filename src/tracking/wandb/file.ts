/** @file A `.wandb` file on the disk, written record by record: it never contains an incomplete record. */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import type { BinaryReader } from '@bufbuild/protobuf/wire'
import { readFields, type Message } from '../protobuf'
import { fileHeader, frame, readLog } from './log'
import { type Kind, kinds, record } from './records'

export class WandbFile {
  private constructor(
    private readonly file: FileHandle,
    private offset: number,
    /** Number of the last record, from 1. */
    private count: number,
    /** The last step of its history; below 0 if it has none. */
    readonly step: number,
    /** When its run began, in milliseconds since 1970; null in a new file. */
    readonly startedAt: number | null,
  ) {}

  /** Creates a file. @throws Error if it exists */
  static async create(path: string): Promise<WandbFile> {
    const file = await open(path, 'wx')
    await file.write(fileHeader, 0, fileHeader.length, 0)
    return new WandbFile(file, fileHeader.length, 0, -1, null)
  }

  /**
   * Opens a file for appending, cut before the first history record of a step after `reported`, or before its exit record.
   * @throws Error if it is damaged before the record of its run
   */
  static async reopen(path: string, reported: number): Promise<WandbFile> {
    const bytes = await readFile(path)
    let kept: { end: number; number: number } | null = null
    let step = -1
    let startedAt: number | null = null
    for (const { data, end } of readLog(bytes)) {
      const found = peek(data)
      if (found.ends || found.step > reported) break
      kept = { end, number: found.number }
      step = Math.max(step, found.step)
      startedAt ??= found.startedAt
    }
    if (!kept || startedAt === null) throw new Error('its beginning is damaged')
    const file = await open(path, 'r+')
    await file.truncate(kept.end)
    return new WandbFile(file, kept.end, kept.number, step, startedAt)
  }

  /** Appends a record in one write, so that a kill leaves all or nothing of it; an incomplete write is cut off again. */
  async append(kind: Kind, content: Message): Promise<void> {
    const bytes = frame(record(this.count + 1, kind, content), this.offset)
    try {
      const { bytesWritten } = await this.file.write(bytes, 0, bytes.length, this.offset)
      if (bytesWritten < bytes.length) throw new Error('only a part of a record could be written to the disk')
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

/** The fields of a record that `reopen` needs. */
function peek(data: Uint8Array) {
  const found = { number: 0, step: -1, startedAt: null as number | null, ends: false }
  const whole = (reader: BinaryReader) => Number(reader.int64())
  const end = (reader: BinaryReader) => {
    found.ends = true
    reader.bytes()
  }
  readFields(data, {
    1: (reader) => void (found.number = whole(reader)),
    [kinds.history]: (reader) => {
      found.step = 0
      readFields(reader.bytes(), {
        2: (step) => readFields(step.bytes(), { 1: (number) => void (found.step = whole(number)) }),
      })
    },
    [kinds.run]: (reader) => {
      let [seconds, nanos] = [0, 0]
      readFields(reader.bytes(), {
        17: (time) =>
          readFields(time.bytes(), {
            1: (number) => void (seconds = whole(number)),
            2: (number) => void (nanos = number.int32()),
          }),
      })
      found.startedAt = 1000 * seconds + nanos / 1e6
    },
    [kinds.exit]: end,
    [kinds.final]: end,
  })
  return found
}
