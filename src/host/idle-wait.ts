/**
 * @file Waiting for a software adapter without taking its processor. While a promise of Dawn's is pending, its Node bindings
 * poll in a busy loop of the event loop; on two cores that costs the adapter a third of its speed. So as long as one is
 * waited for, each turn of the loop ends in a nap.
 */

/** A nap is this share of the time waited so far: so much later, at most, is the end seen. */
const SHARE = 1 / 16
/** The longest, milliseconds: what else the event loop has in hand (decoded images, requests) waits as long. */
const LONGEST = 8

const never = new Int32Array(new SharedArrayBuffer(4))
let waiting = 0
/** Whether a nap is due at the end of this turn: there is one, however many waits begin and end in a turn. */
let due = false
/** When the latest wait began: a new one is again watched closely. */
let since = 0

function nap(): void {
  due = false
  if (!waiting) return
  Atomics.wait(never, 0, 0, Math.min(LONGEST, SHARE * (performance.now() - since)))
  expectNap()
}

function expectNap(): void {
  if (due) return
  due = true
  setImmediate(nap)
}

/** Waits for the promise that `finish` makes. Several may be waited for at once. */
export async function patiently<T>(finish: () => Promise<T>): Promise<T> {
  since = performance.now()
  waiting++
  expectNap()
  try {
    return await finish()
  } finally {
    waiting--
  }
}
