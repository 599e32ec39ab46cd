/** @file A run's metrics.jsonl as it lies there: of a run that goes on, was killed, or was damaged. Only what is new is read. */
import { open } from 'node:fs/promises'
import type { Measures, MetricsRecord, StepRecord, ValidationRecord } from '../../tracking/records'

/** Bytes read at once. */
const CHUNK = 1 << 20

export class MetricsFile {
  readonly steps: StepRecord[] = []
  readonly validations: ValidationRecord[] = []
  /** Lines that are no record of a run. */
  damaged = 0
  /** Whether there is half a line at the end: it is being written, or its writer was killed. */
  half = false
  private offset = 0
  private inode = 0

  constructor(readonly path: string) {}

  /** Takes in what has been written since the last time; false where there is no file. Another file in its place is read anew. */
  async read(): Promise<boolean> {
    const file = await open(this.path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    })
    if (!file) return false
    try {
      const { size, ino } = await file.stat()
      // a resumed run may put a shorter file in its place, which soon is longer again
      if (size < this.offset || ino !== this.inode) this.forget()
      this.inode = ino
      let rest = Buffer.alloc(0)
      let at = this.offset
      while (at < size) {
        const buffer = Buffer.alloc(Math.min(CHUNK, size - at))
        const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
        if (!bytesRead) break
        at += bytesRead
        rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
        const end = rest.lastIndexOf(10) + 1
        for (const line of rest.toString('utf8', 0, end).split('\n')) this.take(line)
        rest = rest.subarray(end)
      }
      this.offset = at - rest.length
      this.half = rest.length > 0
      return true
    } finally {
      await file.close()
    }
  }

  private forget(): void {
    this.steps.length = this.validations.length = this.damaged = this.offset = 0
  }

  private take(line: string): void {
    if (!line.trim()) return
    let record: MetricsRecord | null = null
    try {
      record = recordOf(JSON.parse(line))
    } catch {
      // counted below
    }
    if (!record) this.damaged++
    else if (record.kind === 'step') this.steps.push(record)
    else this.validations.push(record)
  }
}

/** What is no number in a JSON file was none before: NaN and infinity are written as null. */
const numeric = (value: unknown): boolean => value === null || (typeof value === 'number' && Number.isFinite(value))
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Null for what is no record of a run. */
function recordOf(value: unknown): MetricsRecord | null {
  if (!isObject(value) || !Number.isInteger(value.step) || !Number.isFinite(value.epoch)) return null
  if (!isObject(value.time) || !Number.isFinite(value.time.seconds)) return null
  if (value.kind === 'step') {
    const { loss, learningRate, gradientNorm, parts } = value
    if (![loss, learningRate, gradientNorm].every(numeric)) return null
    const whole = isObject(parts) && [parts.dice, parts.bce, parts.iou].every(numeric)
    const numbers = { loss: loss ?? NaN, learningRate: learningRate ?? NaN, gradientNorm: gradientNorm ?? NaN }
    return { ...value, ...numbers, parts: whole ? parts : undefined } as unknown as StepRecord
  }
  if (value.kind !== 'validation' || !numeric(value.score) || !isMeasures(value.point) || !isMeasures(value.box))
    return null
  return value as unknown as ValidationRecord
}

const isMeasures = (value: unknown): value is Measures =>
  isObject(value) && [value.dice, value.miou, value.accuracy, value.instanceDice].every(numeric)
