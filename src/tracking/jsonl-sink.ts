/** @file Writes the records of a run into a file, one JSON object per line: the metrics.jsonl of every run. */
import { existsSync } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { writeFileAtomic } from '../host/files'
import type { MetricsRecord } from './records'
import type { Sink, TrackingEvent } from './sink'

export class JsonlSink implements Sink {
  private constructor(private readonly file: FileHandle) {}

  /** Opens a file for appending, cut before its first record that `keep` rejects. */
  static async open(path: string, keep: (record: MetricsRecord) => boolean): Promise<JsonlSink> {
    if (existsSync(path)) {
      const old = await readFile(path, 'utf8')
      const kept = leading(old, keep)
      if (kept.length < old.length) await writeFileAtomic(path, kept)
    }
    return new JsonlSink(await open(path, 'a'))
  }

  async append(event: TrackingEvent): Promise<void> {
    if (event.kind === 'step' || event.kind === 'validation') await this.file.appendFile(JSON.stringify(event) + '\n')
  }

  flush(): Promise<void> {
    return this.file.sync()
  }

  close(): Promise<void> {
    return this.file.close()
  }
}

/** The longest prefix of complete lines whose records `keep` accepts: a killed run may have left an incomplete line. */
function leading(text: string, keep: (record: MetricsRecord) => boolean): string {
  let end = 0
  for (;;) {
    const next = text.indexOf('\n', end)
    if (next < 0) break
    try {
      if (!keep(JSON.parse(text.slice(end, next)) as MetricsRecord)) break
    } catch {
      break
    }
    end = next + 1
  }
  return text.slice(0, end)
}
