/** @file A queue of jobs for one GPU, run one at a time: what a person waits for goes first. */
import { HttpError } from '../host/http-error'

/**
 * 'first': prompts; 'soon': the image on the screen, and searches in it; 'hover': the mask under the pointer; 'ahead': the image
 * that will probably be opened next.
 */
export type Priority = 'first' | 'soon' | 'hover' | 'ahead'

const priorities: readonly Priority[] = ['first', 'soon', 'hover', 'ahead']

/** Runs all waiting jobs of higher priority: a long job calls it at points where others may use the GPU. */
export type GiveWay = () => Promise<void>

interface Job {
  priority: Priority
  key: string | undefined
  start(giveWay: GiveWay): Promise<void>
  reject(error: Error): void
}

export class WorkQueue {
  private readonly waiting: Job[] = []
  private running: Promise<void> | null = null
  private closed = false
  private timer: ReturnType<typeof setTimeout> | undefined
  /** The time at which the last job other than 'ahead' ended. */
  private lastUsed = -Infinity

  /** @param idleMs jobs of priority 'ahead' start after this time without others */
  constructor(private readonly idleMs = 0) {}

  /**
   * Queues `work`. It replaces a waiting job of the same priority and key, which is rejected; at most one job of priority
   * 'ahead' waits.
   */
  run<T>(priority: Priority, work: (giveWay: GiveWay) => Promise<T>, key?: string): Promise<T> {
    if (this.closed) return Promise.reject(new HttpError(503, 'the server is shutting down'))
    const older = this.waiting.findIndex(
      (job) => job.priority === priority && (priority === 'ahead' || (key !== undefined && job.key === key)),
    )
    if (older >= 0) this.waiting.splice(older, 1)[0].reject(new HttpError(409, 'a newer request took its place'))
    return new Promise((resolve, reject) => {
      const ended = () => {
        if (priority !== 'ahead') this.lastUsed = performance.now()
      }
      const start = (giveWay: GiveWay) =>
        work(giveWay).then(
          (value) => {
            ended()
            resolve(value)
          },
          (error: unknown) => {
            ended()
            reject(error)
          },
        )
      this.waiting.push({ priority, key, start, reject })
      this.next()
    })
  }

  /** Rejects all waiting jobs, and resolves when the running one has ended. */
  async close(): Promise<void> {
    this.closed = true
    clearTimeout(this.timer)
    for (const job of this.waiting.splice(0)) job.reject(new HttpError(503, 'the server is shutting down'))
    await this.running
  }

  private next(): void {
    if (this.running || !this.waiting.length) return
    const idle = performance.now() - this.lastUsed
    if (this.waiting.every(({ priority }) => priority === 'ahead') && idle < this.idleMs) {
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.next(), this.idleMs - idle)
      return
    }
    this.running = this.start(this.take(priorities)!).finally(() => {
      this.running = null
      this.next()
    })
  }

  /** Removes the first waiting job of the highest of some priorities. */
  private take(from: readonly Priority[]): Job | undefined {
    const priority = from.find((one) => this.waiting.some((job) => job.priority === one))
    const at = this.waiting.findIndex((job) => job.priority === priority)
    return at < 0 ? undefined : this.waiting.splice(at, 1)[0]
  }

  private start(job: Job): Promise<void> {
    const higher = priorities.slice(0, priorities.indexOf(job.priority))
    return job.start(async () => {
      for (let other = this.take(higher); other; other = this.take(higher)) await this.start(other)
    })
  }
}
