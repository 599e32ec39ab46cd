/** @file Writes the records of a run into a file, one JSON object per line: the metrics.jsonl of every run. */
import { existsSync } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { withPath } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { parseRecord } from './metrics-file'
import type { MetricsRecord } from './records'
import type { Sink, TrackingEvent } from './sink'

export class JsonlSink implements Sink {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    /** Bytes of the file as this sink knows it. */
    private bytes: number,
    /** What was wrong with the file when it was opened: a line for people, or null. */
    readonly warning: string | null,
    /** The last of the records that were cut off, or null. */
    readonly cut: MetricsRecord | null,
  ) {}

  /**
   * Opens a file for appending, cut before its first record that `keep` rejects. Lines that are no records are left out: a damaged
   * line costs that line.
   */
  static async open(path: string, keep: (record: MetricsRecord) => boolean): Promise<JsonlSink> {
    let bytes = 0
    let damaged = 0
    let cut: MetricsRecord | null = null
    if (existsSync(path)) {
      const old = await readFile(path)
      const { text, lost, last } = kept(old.toString('utf8'), keep)
      damaged = lost
      cut = last
      bytes = Buffer.byteLength(text)
      if (bytes < old.length) await writeFileAtomic(path, text)
    }
    const warning = damaged
      ? `warning: ${path}: ${damaged} damaged ${damaged === 1 ? 'line is' : 'lines are'} left out`
      : null
    return new JsonlSink(path, await open(path, 'a'), bytes, warning, cut)
  }

  async append(event: TrackingEvent): Promise<void> {
    if (event.kind !== 'step' && event.kind !== 'validation') return
    const line = Buffer.from(JSON.stringify(event) + '\n')
    try {
      // another program has changed the file: what is appended must not join half a line of it
      const { size } = await this.file.stat()
      const foreign = size !== this.bytes
      if (foreign) await this.file.appendFile('\n')
      await this.file.appendFile(line)
      this.bytes = size + line.length + (foreign ? 1 : 0)
    } catch (error) {
      throw withPath(error, this.path)
    }
  }

  async flush(): Promise<void> {
    await this.file.sync().catch((error) => {
      throw withPath(error, this.path)
    })
  }

  close(): Promise<void> {
    return this.file.close()
  }
}

interface Kept {
  text: string
  lost: number
  last: MetricsRecord | null
}

/**
 * The lines up to the first record that `keep` rejects, without those that are no records, of which `lost` were complete; and the last
 * record after them.
 */
function kept(text: string, keep: (record: MetricsRecord) => boolean): Kept {
  const lines = text.split('\n')
  // a killed run may have left an incomplete line
  lines.pop()
  const out: string[] = []
  let lost = 0
  for (const [i, line] of lines.entries()) {
    const record = parseRecord(line)
    if (record && !keep(record)) {
      const last = lines
        .slice(i)
        .map(parseRecord)
        .findLast((one) => one !== null)
      return { text: out.join(''), lost, last: last ?? null }
    }
    if (record) out.push(`${line}\n`)
    else if (line.trim()) lost++
  }
  return { text: out.join(''), lost, last: null }
}
