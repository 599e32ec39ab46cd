/**
 * @file review/NAME.jsonl: a header, then one line per entry, each flushed to the disk before the server confirms it. A
 * program that is killed while writing leaves an incomplete last line, which was never confirmed; it is cut off. Any other
 * damage is an error.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { cannotWrite, messageOf, UserError } from '../../host/errors'
import { makeFolder, writeFileAtomic } from '../../host/files'
import type { LogEntry, LogHeader } from './review-records'
import { checkValue } from '../../text/check-value'
import { entrySchema, headerSchema } from './log-schema'

/** Writing to the log failed; a later attempt may succeed. */
export class LogWriteError extends UserError {}

export interface LogContent {
  header: LogHeader
  entries: LogEntry[]
  /** Size of the complete lines in bytes. */
  bytes: number
  /** Size of an incomplete last line in bytes; 0 if there is none. */
  torn: number
  /** Whether the last line is complete except for its line break. */
  unended: boolean
}

/** Reads a log; null if there is none, or only an incomplete header. @throws UserError naming file and line */
export async function readLog(path: string): Promise<LogContent | null> {
  let data: Buffer
  try {
    data = await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new UserError(`cannot read ${path}: ${messageOf(error, path)}`)
  }
  let header: LogHeader | null = null
  const entries: LogEntry[] = []
  let unended = false
  let start = 0
  for (let line = 1; start < data.length; line++) {
    const end = data.indexOf(10, start)
    const text = data.toString('utf8', start, end < 0 ? data.length : end)
    try {
      const value: unknown = JSON.parse(text)
      if (line === 1) header = checkValue(headerSchema, value)
      else entries.push(checkValue(entrySchema, value))
    } catch (error) {
      if (end < 0) break
      throw new UserError(`${path}, line ${line}, is damaged: ${messageOf(error)}`)
    }
    if (line > 1 && entries[line - 2].seq !== line - 1)
      throw new UserError(`${path}, line ${line}, is damaged: it is entry ${entries[line - 2].seq}, not ${line - 1}`)
    unended = end < 0
    start = end < 0 ? data.length : end + 1
  }
  return header && { header, entries, bytes: start, torn: data.length - start, unended }
}

export class ReviewLog {
  private broken: string | null = null

  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
    private bytes: number,
  ) {}

  /** Starts a log; replaces one that has no complete header. */
  static async begin(path: string, header: LogHeader): Promise<ReviewLog> {
    const text = Buffer.from(JSON.stringify(header) + '\n')
    try {
      await writeFileAtomic(path, text)
      await syncFolder(dirname(path))
      return new ReviewLog(path, await open(path, 'a'), text.length)
    } catch (error) {
      throw new LogWriteError(cannotWrite(path, error))
    }
  }

  /** Continues a log that was read; cuts off an incomplete last line. */
  static async resume(path: string, content: LogContent): Promise<ReviewLog> {
    let file: FileHandle | null = null
    try {
      file = await open(path, 'a')
      if (content.torn) await file.truncate(content.bytes)
      if (content.unended) await file.appendFile('\n')
      if (content.torn || content.unended) await file.datasync()
      return new ReviewLog(path, file, content.bytes + (content.unended ? 1 : 0))
    } catch (error) {
      await file?.close()
      throw new LogWriteError(cannotWrite(path, error))
    }
  }

  /**
   * Resolves when the entry is on the disk.
   * @throws LogWriteError if writing failed: the log is then unchanged
   * @throws UserError if another program has changed the log
   */
  async append(entry: LogEntry): Promise<void> {
    if (this.broken) throw new UserError(this.broken)
    const line = Buffer.from(JSON.stringify(entry) + '\n')
    const { size, nlink } = await this.file.stat()
    if (size !== this.bytes || nlink === 0) {
      this.broken = `${this.path} was ${nlink ? 'changed' : 'deleted'} by another program: restart \`wgsam review\``
      throw new UserError(this.broken)
    }
    try {
      await this.file.appendFile(line)
      await this.file.datasync()
    } catch (error) {
      // a full disk leaves half a line; once it is removed, the next entry can be tried
      await this.file.truncate(this.bytes).catch(() => {
        this.broken = `${this.path} cannot be written: restart \`wgsam review\` when the disk has room`
      })
      throw new LogWriteError(cannotWrite(this.path, error))
    }
    this.bytes += line.length
  }

  close(): Promise<void> {
    return this.file.close()
  }
}

/** Flushes a folder, so that a new file's name survives a power failure; not every system supports it. */
async function syncFolder(path: string): Promise<void> {
  await makeFolder(path)
  const folder = await open(path, 'r').catch(() => null)
  await folder?.sync().catch(() => {})
  await folder?.close()
}
