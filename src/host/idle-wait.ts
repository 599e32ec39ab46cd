/**
 * @file Waiting for a software adapter without using its processor time. While a promise of Dawn is pending, its Node
 * bindings poll in a busy event loop; on two cores this costs the adapter a third of its speed. So while such a promise is
 * awaited, the thread sleeps for a short time, a nap, at the end of each turn of the event loop.
 */

/** Length of a nap as a fraction of the time waited so far. Completion is noticed late by at most this fraction. */
const NAP_FRACTION = 1 / 16
/** Maximum length of a nap, milliseconds. Other tasks of the event loop (decoded images, requests) are delayed by it. */
const MAX_NAP = 8

const never = new Int32Array(new SharedArrayBuffer(4))
let waiting = 0
/** True if a nap is scheduled for the end of this turn. There is one per turn, whatever the number of waits. */
let due = false
/** Start time of the latest wait; naps are short again after each start. */
let since = 0

function nap(): void {
  due = false
  if (!waiting) return
  Atomics.wait(never, 0, 0, Math.min(MAX_NAP, NAP_FRACTION * (performance.now() - since)))
  scheduleNap()
}

function scheduleNap(): void {
  if (due) return
  due = true
  setImmediate(nap)
}

/** Awaits the promise that `finish` returns. Several may be awaited at the same time. */
export async function waitWithNaps<T>(finish: () => Promise<T>): Promise<T> {
  since = performance.now()
  waiting++
  scheduleNap()
  try {
    return await finish()
  } finally {
    waiting--
  }
}
