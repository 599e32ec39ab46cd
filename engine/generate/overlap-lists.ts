/** @file The overlaps of a set, by candidate. */
import type { CandidateSet, Scored } from './candidate'

export class Neighbours {
  /** Entries of candidate i are start[i] to start[i + 1]. */
  private readonly start: Uint32Array
  private readonly other: Uint32Array
  private readonly pixels: Float64Array

  /** @throws Error where an overlap names no two candidates of the set */
  constructor({ candidates, overlaps }: CandidateSet<Scored>) {
    const count = candidates.length
    this.start = new Uint32Array(count + 1)
    for (const [a, b] of overlaps) {
      if (!(a >= 0 && a < count && b >= 0 && b < count && a !== b))
        throw new Error(`an overlap of ${a} and ${b} does not fit a list of ${count} candidates`)
      this.start[a + 1]++
      this.start[b + 1]++
    }
    for (let i = 0; i < count; i++) this.start[i + 1] += this.start[i]
    this.other = new Uint32Array(2 * overlaps.length)
    this.pixels = new Float64Array(2 * overlaps.length)
    const next = this.start.slice()
    const put = (of: number, other: number, pixels: number) => {
      this.other[next[of]] = other
      this.pixels[next[of]++] = pixels
    }
    for (const [a, b, pixels] of overlaps) {
      put(a, b, pixels)
      put(b, a, pixels)
    }
  }

  /** Calls `visit` with each candidate that shares pixels with i, and how many, until it returns true; whether it did. */
  of(i: number, visit: (other: number, pixels: number) => boolean | void): boolean {
    for (let at = this.start[i]; at < this.start[i + 1]; at++)
      if (visit(this.other[at], this.pixels[at]) === true) return true
    return false
  }
}
