/** @file The overlaps of a candidate set, looked up by candidate. */
import type { CandidateMeasures, CandidateSet } from './candidate'

export class OverlapIndex {
  /** Entries of candidate i are start[i] to start[i + 1]. */
  private readonly start: Uint32Array
  private readonly other: Uint32Array
  private readonly pixels: Float64Array

  /** @throws Error if an overlap does not name two different candidates of the set */
  constructor({ candidates, overlaps }: CandidateSet<CandidateMeasures>) {
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
    const put = (candidate: number, other: number, pixels: number) => {
      this.other[next[candidate]] = other
      this.pixels[next[candidate]++] = pixels
    }
    for (const [a, b, pixels] of overlaps) {
      put(a, b, pixels)
      put(b, a, pixels)
    }
  }

  /** Calls `visit` for each candidate that shares pixels with i, with their number. */
  forEach(i: number, visit: (other: number, pixels: number) => void): void {
    for (let at = this.start[i]; at < this.start[i + 1]; at++) visit(this.other[at], this.pixels[at])
  }

  /** True if `test` is true for any candidate that shares pixels with i. */
  some(i: number, test: (other: number, pixels: number) => boolean): boolean {
    for (let at = this.start[i]; at < this.start[i + 1]; at++) if (test(this.other[at], this.pixels[at])) return true
    return false
  }
}
