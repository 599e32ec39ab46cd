/**
 * @file Waiting for a software adapter without taking its processor. Dawn's Node bindings poll in a busy loop while one of
 * their promises is pending; on two cores that costs the adapter a third of its speed. So before such a promise is made,
 * sleep for most of the time that the work submitted so far has taken before.
 */

/** Work that is submitted again and again. */
export interface Paced {
  /** Milliseconds a run takes, as far as known; 0 at first. */
  cost: number
  /** Its size, to share out a time that was measured over several. */
  readonly size: number
}

/** Of the time expected: less would spin longer, more would sleep past the end when the machine gets quicker. */
const SHARE = 0.85
/** Waits shorter than this are not worth a timer. */
const LEAST_MS = 4

export class Pacer {
  private readonly queued = new Map<Paced, number>()
  private since = 0

  /** Notes one run of `work`. */
  submitted(work: Paced): void {
    if (!this.queued.size) this.since = performance.now()
    this.queued.set(work, (this.queued.get(work) ?? 0) + 1)
  }

  /** Calls `finish`, which waits for all that was submitted, after sleeping through most of it. */
  async wait<T>(finish: () => Promise<T>): Promise<T> {
    const work = [...this.queued]
    const { since } = this
    this.queued.clear()
    if (!work.length) return finish()
    const expected = work.reduce((sum, [{ cost }, runs]) => sum + cost * runs, 0)
    const left = SHARE * expected - (performance.now() - since)
    if (left > LEAST_MS) await new Promise((resolve) => setTimeout(resolve, left))
    const result = await finish()
    const actual = performance.now() - since
    const size = work.reduce((sum, [w, runs]) => sum + w.size * runs, 0)
    for (const [w] of work)
      w.cost = expected > 0 && w.cost > 0 ? (w.cost * actual) / expected : (actual * w.size) / size
    return result
  }
}
