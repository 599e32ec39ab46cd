/** @file What a run tells of itself, record by record, and the file that keeps it. */
import { existsSync } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { UserError } from '../errors'
import { writeFileAtomic } from '../files'

/** The wall clock's part of a record: the one thing that differs between two runs of the same bits. */
export interface Time {
  /** Since the start, of training and validation, summed over resumed sessions. */
  seconds: number
  imagesPerSecond?: number
}

export interface StepRecord {
  kind: 'step'
  step: number
  /** Passes over the training images, as a fraction. */
  epoch: number
  loss: number
  learningRate: number
  gradientNorm: number
  /** Whether the update was left out because a gradient was not finite. */
  skipped?: true
  time: Time
}

/** 0 to 1 each; see docs/metrics.md. */
export interface Measures {
  dice: number
  miou: number
  accuracy: number
  instanceDice: number
}

export interface ValidationRecord {
  kind: 'validation'
  step: number
  epoch: number
  /** What the best checkpoint is chosen by. */
  score: number
  point: Measures
  box: Measures
  time: Time
}

export type MetricsRecord = StepRecord | ValidationRecord

/** Takes a run's records: a file, a page, a service. */
export interface MetricsSink {
  append(record: MetricsRecord): void | Promise<void>
  /** Resolves when everything appended is kept; called before each checkpoint. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** One JSON object a line. */
export class JsonlSink implements MetricsSink {
  private constructor(private readonly file: FileHandle) {}

  /** Opens a file for more; of what it holds only the leading records that `keep` accepts stay. */
  static async open(path: string, keep: (record: MetricsRecord) => boolean): Promise<JsonlSink> {
    if (existsSync(path)) {
      const old = await readFile(path, 'utf8')
      const kept = leading(old, keep)
      if (kept.length < old.length) await writeFileAtomic(path, kept)
    }
    return new JsonlSink(await open(path, 'a'))
  }

  async append(record: MetricsRecord): Promise<void> {
    await this.file.appendFile(JSON.stringify(record) + '\n')
  }

  flush(): Promise<void> {
    return this.file.sync()
  }

  close(): Promise<void> {
    return this.file.close()
  }
}

/** The longest beginning of whole lines whose records `keep` accepts: a killed run may have left half a line. */
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

/** The records of a run's file. @throws UserError naming the line that is none */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new UserError(`cannot read ${path}: ${error.message}`)
  })
  return text
    .split('\n')
    .filter(Boolean)
    .map((line, i) => {
      try {
        return JSON.parse(line) as MetricsRecord
      } catch {
        throw new UserError(`${path}: line ${i + 1} is not JSON`)
      }
    })
}
