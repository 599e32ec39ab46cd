/** @file A set of particle pairs in a sorted array: an adversarial map has more pairs than a JavaScript Set can hold. */

export class ParticlePairs {
  private keys = new Float64Array(1024)
  private used = 0
  private last = -1

  /** @param count particles are numbered from 0 to count - 1 */
  constructor(private readonly count: number) {}

  add(a: number, b: number): void {
    const key = a < b ? a * this.count + b : b * this.count + a
    if (key === this.last) return
    this.last = key
    if (this.used === this.keys.length) {
      this.compact()
      if (this.used > this.keys.length / 2) {
        const larger = new Float64Array(2 * this.keys.length)
        larger.set(this.keys.subarray(0, this.used))
        this.keys = larger
      }
    }
    this.keys[this.used++] = key
  }

  /** The number of pairs that each particle is in. */
  degrees(): Uint32Array {
    this.compact()
    const degrees = new Uint32Array(this.count)
    for (const key of this.keys.subarray(0, this.used)) {
      degrees[Math.floor(key / this.count)]++
      degrees[key % this.count]++
    }
    return degrees
  }

  /** Calls `take` once for each pair. */
  each(take: (a: number, b: number) => void): void {
    this.compact()
    for (const key of this.keys.subarray(0, this.used)) take(Math.floor(key / this.count), key % this.count)
  }

  private compact(): void {
    const sorted = this.keys.subarray(0, this.used).sort()
    let kept = 0
    for (const key of sorted) if (!kept || key !== sorted[kept - 1]) sorted[kept++] = key
    this.used = kept
    this.last = -1
  }
}
