/**
 * @file Waiting for a software adapter without taking its processor. Dawn's Node bindings poll in a busy loop while one of
 * their promises is pending; on two cores that costs the adapter a third of its speed. So before such a promise is made,
 * sleep for most of the time that the work submitted so far took the last time.
 */

/** Work that is submitted again and again. */
export interface Paced {
  /** Milliseconds a run takes; null before the first, 0 while unknown. */
  cost: number | null
  /** Its size, to share out a time that was measured over several. */
  readonly size: number
}

/** Of the time expected: less would spin longer, more would rather sleep past the end. */
const SHARE = 0.85
/** An estimate grows by no more than this at once: a process that was stopped for minutes must not sleep for minutes. */
const GROWTH = 1.5
/** Waits shorter than this are not worth a timer. */
const LEAST_MS = 4

export class Pacer {
  private readonly queued = new Map<Paced, number>()
  private since = 0

  /** `now` and `sleep` in milliseconds; others in tests. */
  constructor(
    private readonly now: () => number = () => performance.now(),
    private readonly sleep: (ms: number) => Promise<unknown> = (ms) => new Promise((done) => setTimeout(done, ms)),
  ) {}

  /** Notes one run of `work`. */
  submitted(work: Paced): void {
    if (!this.queued.size) this.since = this.now()
    this.queued.set(work, (this.queued.get(work) ?? 0) + 1)
  }

  /** Calls `finish`, which waits for all that was submitted, after sleeping through most of it. */
  async wait<T>(finish: () => Promise<T>): Promise<T> {
    const work = [...this.queued]
    const { since } = this
    this.queued.clear()
    if (!work.length) return finish()
    const expected = work.reduce((sum, [{ cost }, runs]) => sum + (cost ?? 0) * runs, 0)
    const left = SHARE * expected - (this.now() - since)
    if (left > LEAST_MS) await this.sleep(left)
    const awake = this.now()
    const result = await finish()
    this.learn(work, { expected, actual: this.now() - since, tail: this.now() - awake })
    return result
  }

  private learn(work: [Paced, number][], t: { expected: number; actual: number; tail: number }): void {
    const size = work.reduce((sum, [w, runs]) => sum + w.size * runs, 0)
    const cold = work.some(([{ cost }]) => cost === null)
    // done as soon as asked: it may have been done long before, so the time measured is only the time slept
    const overslept = t.expected > 0 && t.tail < LEAST_MS + 0.02 * t.expected
    for (const [w] of work) {
      // the first run compiles: its time says nothing of the next
      if (cold) w.cost ??= 0
      else if (overslept) w.cost! /= 2
      else if (t.expected > 0 && w.cost) w.cost *= Math.min(GROWTH, t.actual / t.expected)
      else w.cost = (t.actual * w.size) / size
    }
  }
}
