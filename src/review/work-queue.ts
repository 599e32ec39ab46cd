/** @file Work for one GPU, one piece at a time: what a person waits for goes before what may be wanted later. */
import { HttpError } from '../host/local-http'

/** 'first': prompts; 'soon': the image on the screen; 'ahead': the next one. */
export type Order = 'first' | 'soon' | 'ahead'

const orders: readonly Order[] = ['first', 'soon', 'ahead']

interface Job {
  order: Order
  key: string | undefined
  start(): Promise<void>
  refuse(error: Error): void
}

export class WorkQueue {
  private readonly waiting: Job[] = []
  private running: Promise<void> | null = null
  private closed = false

  /**
   * Runs `work` in its turn. Work of the same order and key that has not begun yet is refused, as this takes its place;
   * of work ahead there is only one that waits.
   */
  run<T>(order: Order, work: () => Promise<T>, key?: string): Promise<T> {
    if (this.closed) return Promise.reject(new HttpError(503, 'the server is ending'))
    const older = this.waiting.findIndex(
      (job) => job.order === order && (order === 'ahead' || (key !== undefined && job.key === key)),
    )
    if (older >= 0) this.waiting.splice(older, 1)[0].refuse(new HttpError(409, 'a newer request took its place'))
    return new Promise((resolve, reject) => {
      this.waiting.push({ order, key, start: () => work().then(resolve, reject), refuse: reject })
      this.next()
    })
  }

  /** Refuses what waits, and resolves when what runs has ended. */
  async close(): Promise<void> {
    this.closed = true
    for (const job of this.waiting.splice(0)) job.refuse(new HttpError(503, 'the server is ending'))
    await this.running
  }

  private next(): void {
    if (this.running || !this.waiting.length) return
    const order = orders.find((o) => this.waiting.some((job) => job.order === o))
    const [job] = this.waiting.splice(
      this.waiting.findIndex((j) => j.order === order),
      1,
    )
    this.running = job.start().finally(() => {
      this.running = null
      this.next()
    })
  }
}
