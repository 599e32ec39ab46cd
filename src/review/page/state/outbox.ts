/**
 * @file An image's actions on their way to the log: one at a time, in order, again after a lost connection. What is not
 * yet saved is also in the browser's storage, so that a closed page loses nothing.
 */
import { signal } from '@preact/signals'
import type { Action, ActionRequest, LogEntry } from '../../../project/review/review-records'
import { remember } from './unsent'
import { messageOf } from '../../../host/errors'
import { api, ApiError, isConflict } from '../api'

/** This window's name in the log. */
export const windowName = Array.from(crypto.getRandomValues(new Uint8Array(9)), (n) => (n % 36).toString(36)).join('')

export type Link = 'saved' | 'saving' | 'offline'

/** Why actions were given up: another window was faster, or the server refused one. */
export interface Rejection {
  conflict: boolean
  message: string
  actions: Action[]
}

const retryAfter = [500, 1000, 2000, 4000]
export class Outbox {
  readonly pending = signal(0)
  readonly link = signal<Link>('saved')
  private readonly queue: Action[] = []
  private running: Promise<void> | null = null
  private wake: (() => void) | null = null

  /**
   * @param base the last entry that the server is known to have
   * @param rejected called when the queue was given up: the document has to be loaded anew
   */
  constructor(
    readonly name: string,
    private base: number,
    private readonly saved: (entry: LogEntry) => void,
    private readonly rejected: (rejection: Rejection) => void,
    private readonly post: (name: string, request: ActionRequest) => Promise<{ entry: LogEntry }> = api.act,
  ) {}

  push(action: Action): void {
    this.queue.push(action)
    this.changed()
    this.running ??= this.run().finally(() => (this.running = null))
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.running) await this.running
  }

  /** Other windows' entries were taken in while nothing waited. */
  follow(base: number): void {
    if (!this.queue.length) this.base = base
  }

  /** Tries again at once. */
  retry(): void {
    this.wake?.()
  }

  private async run(): Promise<void> {
    let failures = 0
    while (this.queue.length) {
      this.link.value = failures ? 'offline' : 'saving'
      try {
        const { entry } = await this.post(this.name, { window: windowName, base: this.base, action: this.queue[0] })
        failures = 0
        this.base = entry.seq
        this.queue.shift()
        this.changed()
        this.saved(entry)
      } catch (error) {
        // what the server refuses it refuses again; all else (no answer, a failing disk) is worth another try
        if (error instanceof ApiError && error.status < 500) return this.giveUp(error)
        this.link.value = 'offline'
        await this.pause(retryAfter[Math.min(failures++, retryAfter.length - 1)])
      }
    }
    this.link.value = 'saved'
  }

  private giveUp(error: ApiError): void {
    const actions = this.queue.splice(0)
    this.changed()
    this.link.value = 'saved'
    this.rejected({ conflict: isConflict(error), message: messageOf(error), actions })
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  private changed(): void {
    this.pending.value = this.queue.length
    remember(this.name, windowName, { base: this.base, actions: this.queue })
  }
}
