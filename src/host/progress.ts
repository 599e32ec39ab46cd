/**
 * @file Progress on stderr, so that stdout contains only results: on a terminal a single line that is rewritten, otherwise
 * (a log file, CI) an occasional line.
 */

import { duration } from './duration'
import { isRunByProgram, progressLine } from './progress-lines'
import { visible } from './terminal-text'

export { duration }

let muted = false

/**
 * Prints nothing from now on: of several ranks that do the same, only the first says so.
 * @returns a function after which lines are printed again
 */
export function muteOutput(): () => void {
  const { log, error } = console
  muted = true
  console.log = console.error = () => {}
  return () => {
    muted = false
    Object.assign(console, { log, error })
  }
}

/** Prints a line on stderr; on a terminal it replaces the current progress line. */
export function logLine(line: string): void {
  if (muted) return
  process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}${visible(line)}\n`)
}

export interface ProgressOptions {
  /** Unit of the counts; 'bytes' is printed as KiB, MiB and GiB. */
  unit?: string
  stream?: { isTTY?: boolean; columns?: number; write(text: string): unknown }
  /** An estimate of the time left, or null if there is none yet; by default from the rate so far. */
  secondsLeft?: () => number | null
  /** Write lines for a program (see progress-lines.ts); by default if the environment asks for them. */
  json?: boolean
  /** The current time in milliseconds; replaced in tests. */
  now?: () => number
}

/** Minimum time between two lines, milliseconds: on a terminal, elsewhere, and for a program. */
const EVERY_TTY = 100
const EVERY_LOG = 15_000
const EVERY_JSON = 500

/** Receives the lines of a process that must not print any. */
const nowhere = { write: () => {} }

export class Progress {
  private readonly stream: NonNullable<ProgressOptions['stream']>
  private readonly now: () => number
  private readonly unit: string
  private readonly secondsLeft: ProgressOptions['secondsLeft']
  private readonly json: boolean
  private readonly start: number
  private first = 0
  private printed = -Infinity
  private done = 0

  /** Without `total` the remaining time is not shown. */
  constructor(
    readonly label: string,
    private total: number | undefined,
    options: ProgressOptions = {},
  ) {
    this.stream = options.stream ?? (muted ? nowhere : process.stderr)
    this.now = options.now ?? Date.now
    this.unit = options.unit ?? ''
    this.secondsLeft = options.secondsLeft
    this.json = options.json ?? (!muted && isRunByProgram())
    this.start = this.now()
    // without a terminal even the first line is delayed, so that short tasks print nothing
    if (!this.stream.isTTY && !this.json) this.printed = this.start
  }

  /** Sets the part done before this process started (a resumed download or run). It is excluded from the rate. */
  startAt(done: number): void {
    this.first = this.done = done
  }

  /** Reports the amount done, with a short note (the loss, a file's name). */
  update(done: number, note = '', total = this.total): void {
    this.done = done
    this.total = total
    const now = this.now()
    const interval = this.json ? EVERY_JSON : this.stream.isTTY ? EVERY_TTY : EVERY_LOG
    if (now - this.printed < interval) return
    this.printed = now
    if (this.json) this.writeJson(now, note)
    else this.print(this.line(now, note))
  }

  /** Prints the last line, with the total time. */
  finish(note = ''): void {
    if (this.json) return this.writeJson(this.now(), note)
    const seconds = (this.now() - this.start) / 1000
    const line = [`${this.label}: ${amount(this.done, this.unit)} in ${duration(seconds)}`, note]
      .filter(Boolean)
      .join('  ')
    this.print(line)
    if (this.stream.isTTY) this.stream.write('\n')
  }

  private line(now: number, note: string): string {
    const seconds = (now - this.start) / 1000
    const rate = this.rate(seconds)
    const parts = [`${this.label}: ${this.doneText()}`]
    if (rate > 0 && !this.secondsLeft)
      parts.push(this.unit === 'bytes' || rate >= 1 ? `${amount(rate, this.unit)}/s` : `${duration(1 / rate)} each`)
    const left = this.left(rate)
    parts.push(`${duration(seconds)} so far${left === null ? '' : `, ${duration(left)} left`}`)
    if (note) parts.push(note)
    return parts.join('  ')
  }

  /** What is done: `2 of 4 images (50 %)`, or within the first, `image 1 of 4 (8 %)`. */
  private doneText(): string {
    const { done, total, unit } = this
    if (!total) return amount(done, unit)
    const percent = `(${Math.floor((100 * done) / total)} %)`
    if (unit === 'bytes') return `${amount(done, unit)} of ${amount(total, unit)} ${percent}`
    if (!Number.isInteger(done)) return `${unit.replace(/s$/, '')} ${Math.floor(done) + 1} of ${total} ${percent}`
    return `${done} of ${amount(total, unit)} ${percent}`
  }

  /** Units a second since the start. */
  private rate(seconds: number): number {
    return seconds > 0 ? (this.done - this.first) / seconds : 0
  }

  private left(rate: number): number | null {
    const byRate = rate > 0 && this.total ? Math.max(0, this.total - this.done) / rate : null
    return this.secondsLeft ? this.secondsLeft() : byRate
  }

  private writeJson(now: number, note: string): void {
    if (muted) return
    const { label, done, unit } = this
    const seconds = (now - this.start) / 1000
    const secondsLeft = this.left(this.rate(seconds))
    this.stream.write(progressLine({ label, done, total: this.total ?? null, unit, seconds, secondsLeft, note }) + '\n')
  }

  private print(text: string): void {
    if (muted) return
    const line = visible(text)
    if (!this.stream.isTTY) this.stream.write(line + '\n')
    else this.stream.write('\r\x1b[K' + line.slice(0, Math.max(20, (this.stream.columns ?? 80) - 1)))
  }
}

/** A number with its unit: 1536 bytes -> `1.5 KiB`; other units are appended. */
export function amount(value: number, unit: string): string {
  if (unit !== 'bytes') {
    const noun = value === 1 ? unit.replace(/s$/, '') : unit
    return `${Number.isInteger(value) ? value : value.toPrecision(3)}${noun && ` ${noun}`}`
  }
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  let i = 0
  while (value >= 1024 && i < units.length - 1) {
    value /= 1024
    i++
  }
  return `${i === 0 ? Math.round(value) : value.toFixed(1)} ${units[i]}`
}
