/** @file A queue of jobs for one GPU, run one at a time: what a person waits for goes first. */
import { HttpError } from '../host/local-http'

/** 'first': prompts; 'soon': the image on the screen; 'ahead': the image that will probably be opened next. */
export type Priority = 'first' | 'soon' | 'ahead'

const priorities: readonly Priority[] = ['first', 'soon', 'ahead']

interface Job {
  priority: Priority
  key: string | undefined
  start(): Promise<void>
  reject(error: Error): void
}

export class WorkQueue {
  private readonly waiting: Job[] = []
  private running: Promise<void> | null = null
  private closed = false

  /**
   * Queues `work`. It replaces a waiting job of the same priority and key, which is rejected; at most one job of priority
   * 'ahead' waits.
   */
  run<T>(priority: Priority, work: () => Promise<T>, key?: string): Promise<T> {
    if (this.closed) return Promise.reject(new HttpError(503, 'the server is shutting down'))
    const older = this.waiting.findIndex(
      (job) => job.priority === priority && (priority === 'ahead' || (key !== undefined && job.key === key)),
    )
    if (older >= 0) this.waiting.splice(older, 1)[0].reject(new HttpError(409, 'a newer request took its place'))
    return new Promise((resolve, reject) => {
      this.waiting.push({ priority, key, start: () => work().then(resolve, reject), reject })
      this.next()
    })
  }

  /** Rejects all waiting jobs, and resolves when the running one has ended. */
  async close(): Promise<void> {
    this.closed = true
    for (const job of this.waiting.splice(0)) job.reject(new HttpError(503, 'the server is shutting down'))
    await this.running
  }

  private next(): void {
    if (this.running || !this.waiting.length) return
    const priority = priorities.find((one) => this.waiting.some((job) => job.priority === one))
    const [job] = this.waiting.splice(
      this.waiting.findIndex((j) => j.priority === priority),
      1,
    )
    this.running = job.start().finally(() => {
      this.running = null
      this.next()
    })
  }
}
