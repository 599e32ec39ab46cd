/** @file Reads the metrics.jsonl of a run, whether the run is finished, in progress, killed or damaged. */
import { open } from 'node:fs/promises'
import type { LossParts } from '../../engine/train/training-step'
import { messageOf, UserError } from '../host/errors'
import type { Measures, MetricsRecord, StepRecord, ValidationRecord } from './records'

/** Bytes read at once. */
const CHUNK = 1 << 20

/** The records of a file that may still grow: each `read` parses only what has been added. */
export class MetricsFile {
  /** All records in their order. `steps` and `validations` are the same records by kind. */
  readonly records: MetricsRecord[] = []
  readonly steps: StepRecord[] = []
  readonly validations: ValidationRecord[] = []
  /** Numbers (from 1) of the lines that are not records of a run. */
  readonly damagedLines: number[] = []
  /** True if the file ends within a line: the line is being written, or its writer was killed. */
  endsWithinLine = false
  private lines = 0
  private offset = 0
  private inode = 0

  constructor(readonly path: string) {}

  /** Reads what has been added since the last call; a replaced file is read from its beginning. False if it is missing. */
  async read(): Promise<boolean> {
    const file = await open(this.path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    })
    if (!file) return false
    try {
      const { size, ino } = await file.stat()
      // a resumed run may replace the file by a shorter one, which may have grown again since
      if (size < this.offset || ino !== this.inode) this.reset()
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
        if (end) for (const line of rest.toString('utf8', 0, end - 1).split('\n')) this.addLine(line)
        rest = rest.subarray(end)
      }
      this.offset = at - rest.length
      this.endsWithinLine = rest.length > 0
      return true
    } finally {
      await file.close()
    }
  }

  private reset(): void {
    for (const list of [this.records, this.steps, this.validations, this.damagedLines]) list.length = 0
    this.lines = this.offset = 0
  }

  private addLine(line: string): void {
    this.lines++
    if (!line.trim()) return
    const record = parseRecord(line)
    if (!record) return void this.damagedLines.push(this.lines)
    this.records.push(record)
    if (record.kind === 'step') this.steps.push(record)
    else this.validations.push(record)
  }
}

/** Reads the records of a run's file. @throws UserError if it is missing, or naming its first damaged line */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  const file = new MetricsFile(path)
  const found = await file.read().catch((error: unknown) => {
    throw new UserError(`cannot read ${path}: ${messageOf(error, path)}`)
  })
  if (!found) throw new UserError(`cannot read ${path}: there is no such file`)
  const [damaged] = file.damagedLines
  if (damaged !== undefined) throw new UserError(`${path}: line ${damaged} is not a record of a training run`)
  if (file.endsWithinLine) throw new UserError(`${path} ends within a line`)
  return file.records
}

/** NaN and infinity are null in a JSON file. */
const isNumeric = (value: unknown): boolean => value === null || (typeof value === 'number' && Number.isFinite(value))
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Null if the line is not a record of a run. */
export function parseRecord(line: string): MetricsRecord | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return null
  }
  if (!isObject(value) || !Number.isInteger(value.step) || !Number.isFinite(value.epoch)) return null
  if (!isObject(value.time) || !Number.isFinite(value.time.seconds)) return null
  if (value.kind === 'step') {
    const { loss, learningRate, gradientNorm, parts, ...rest } = value
    if (![loss, learningRate, gradientNorm].every(isNumeric)) return null
    const numbers = { loss: loss ?? NaN, learningRate: learningRate ?? NaN, gradientNorm: gradientNorm ?? NaN }
    return { ...rest, ...numbers, ...(isLossParts(parts) && { parts }) } as unknown as StepRecord
  }
  const { kind, score, head, point, box, sources } = value
  if (sources !== undefined && !(isObject(sources) && Object.values(sources).every(isNumeric))) return null
  if (kind !== 'validation' || !isNumeric(score) || !isNumeric(head ?? null) || !isMeasures(point) || !isMeasures(box))
    return null
  return value as unknown as ValidationRecord
}

/** Without the losses of the IoU head and of the prompt head if their weight is 0. */
const isLossParts = (value: unknown): value is LossParts =>
  isObject(value) && [value.dice, value.bce, value.iou ?? null, value.head ?? null].every(isNumeric)

const isMeasures = (value: unknown): value is Measures =>
  isObject(value) && [value.dice, value.miou, value.accuracy, value.instanceDice].every(isNumeric)
