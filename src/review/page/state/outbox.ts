/**
 * @file Sends an image's actions to the log, one at a time and in order, with retries after a lost connection. Unsent actions
 * are also kept in the browser's storage, so that closing the page loses nothing.
 */
import { signal } from '@preact/signals'
import type { Action, ActionRequest, LogEntry } from '../../../project/review/review-records'
import { remember } from './unsent'
import { messageOf } from '../../../host/errors'
import { api, ApiError, isConflict } from '../api'

/** This window's name in the log. */
export const windowName = Array.from(crypto.getRandomValues(new Uint8Array(9)), (n) => (n % 36).toString(36)).join('')

export type Link = 'saved' | 'saving' | 'offline'

/** Why the queue was discarded: another window changed the image first, or the server rejected an action. */
export interface Rejection {
  conflict: boolean
  message: string
  actions: Action[]
}

/** Milliseconds before each retry. */
const retryDelays = [500, 1000, 2000, 4000]

export class Outbox {
  readonly pending = signal(0)
  readonly link = signal<Link>('saved')
  private readonly queue: Action[] = []
  private running: Promise<void> | null = null
  private wake: (() => void) | null = null

  /**
   * @param base the last entry that the server is known to have
   * @param rejected called when the queue was discarded: the document has to be loaded again
   */
  constructor(
    readonly name: string,
    private base: number,
    private readonly saved: (entry: LogEntry) => void,
    private readonly rejected: (rejection: Rejection) => void,
    private readonly revision: string | undefined = undefined,
    private readonly post: (name: string, request: ActionRequest) => Promise<{ entry: LogEntry }> = api.act,
  ) {}

  push(action: Action): void {
    this.queue.push(action)
    this.changed()
    this.running ??= this.run().finally(() => (this.running = null))
  }

  /** Resolves when the queue is empty. */
  async idle(): Promise<void> {
    while (this.running) await this.running
  }

  /** Continues after entries of other windows, which were applied while the queue was empty. */
  follow(base: number): void {
    if (!this.queue.length) this.base = base
  }

  /** Retries now. */
  retry(): void {
    this.wake?.()
  }

  private async run(): Promise<void> {
    let failures = 0
    while (this.queue.length) {
      this.link.value = failures ? 'offline' : 'saving'
      try {
        const { base, revision } = this
        const { entry } = await this.post(this.name, { window: windowName, base, revision, action: this.queue[0] })
        failures = 0
        this.base = entry.seq
        this.queue.shift()
        this.changed()
        this.saved(entry)
      } catch (error) {
        // a rejected action would be rejected again; anything else (no reply, a full disk) is retried
        if (error instanceof ApiError && error.status < 500) return this.giveUp(error)
        this.link.value = 'offline'
        await this.pause(retryDelays[Math.min(failures++, retryDelays.length - 1)])
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
