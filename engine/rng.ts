/** @file Seeded random numbers that are the same on every machine. */

/** The whole state of a generator: four 32-bit words. Serialise it as JSON. */
export type RngState = [number, number, number, number]

/** splitmix32's finaliser: spreads any seed over all 32 bits. */
const mix = (z: number): number => {
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return (z ^ (z >>> 15)) >>> 0
}

/**
 * Natural logarithm of a normal positive number, from + - * / only: the last bit of Math.log may differ between JavaScript
 * engines, and a resumed run must not depend on the engine.
 */
function ln(x: number): number {
  let exponent = 0
  for (; x < Math.SQRT1_2; x *= 2) exponent--
  for (; x > Math.SQRT2; x /= 2) exponent++
  const s = (x - 1) / (x + 1) // |s| <= 0.172: eleven odd terms reach double precision
  const s2 = s * s
  // written out, so that the quotients are constants
  let sum = 1 / 21
  sum = sum * s2 + 1 / 19
  sum = sum * s2 + 1 / 17
  sum = sum * s2 + 1 / 15
  sum = sum * s2 + 1 / 13
  sum = sum * s2 + 1 / 11
  sum = sum * s2 + 1 / 9
  sum = sum * s2 + 1 / 7
  sum = sum * s2 + 1 / 5
  sum = sum * s2 + 1 / 3
  sum = sum * s2 + 1
  return 2 * s * sum + exponent * Math.LN2
}

/**
 * Seeded pseudo-random numbers, xoshiro128** (Blackman and Vigna): the same bits on every machine and in every JavaScript
 * engine. A checkpoint stores the state, so that a resumed run continues with the same numbers.
 * @example
 * const rng = new Rng(42)
 * const die = 1 + rng.int(6)
 * const same = Rng.from(rng.state()) // continues with the same numbers
 */
export class Rng {
  private a = 0
  private b = 0
  private c = 0
  private d = 0

  /**
   * @param seed any safe integer >= 0 · @param stream number of an independent sequence of the seed, a safe integer >= 0
   * @throws Error if either is not
   */
  constructor(seed: number, stream = 0) {
    for (const [name, value] of Object.entries({ seed, stream }))
      if (!Number.isSafeInteger(value) || value < 0)
        throw new Error(`random ${name} must be an integer from 0 to 2^53 - 1, not ${value}`)
    const parts = [seed >>> 0, Math.floor(seed / 2 ** 32), stream >>> 0, Math.floor(stream / 2 ** 32)]
    let hash = 0x9e3779b9
    for (const part of parts) hash = mix((hash + part + 0x9e3779b9) | 0)
    const word = () => mix((hash = (hash + 0x9e3779b9) | 0))
    this.restore([word(), word(), word(), (word() | 1) >>> 0]) // never all zero: the generator would return only zeros
  }

  /** A uniform 32-bit word. */
  uint32(): number {
    const scrambled = Math.imul(this.b, 5)
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0
    const t = this.b << 9
    this.c ^= this.a
    this.d ^= this.b
    this.b ^= this.c
    this.a ^= this.d
    this.c ^= t
    this.d = (this.d << 11) | (this.d >>> 21)
    return result
  }

  /** Uniform in [0, 1), a multiple of 2^-32. */
  next(): number {
    return this.uint32() / 2 ** 32
  }

  /** Uniform in [low, high). */
  range(low: number, high: number): number {
    return low + (high - low) * this.next()
  }

  /** A uniform integer in [0, n). @throws Error if n is not from 1 to 2^32 */
  int(n: number): number {
    if (!(n >= 1 && n <= 2 ** 32)) throw new Error(`a random integer below ${n} does not exist`)
    return Math.floor(this.next() * n)
  }

  /** Standard normal, by Marsaglia's polar method. */
  normal(): number {
    for (;;) {
      const u = 2 * this.next() - 1
      const v = 2 * this.next() - 1
      const s = u * u + v * v
      if (s > 0 && s < 1) return u * Math.sqrt((-2 * ln(s)) / s)
    }
  }

  /** Shuffles an array in place (Fisher and Yates) and returns it. */
  shuffle<T extends { length: number; [i: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.int(i + 1)
      const kept = items[i]
      items[i] = items[j]
      items[j] = kept
    }
    return items
  }

  /** The current state, to continue from with `restore`. */
  state(): RngState {
    return [this.a >>> 0, this.b >>> 0, this.c >>> 0, this.d >>> 0]
  }

  /** Continues from a saved state. @throws Error if it is damaged */
  restore(state: RngState): this {
    const valid = Array.isArray(state) && state.length === 4 && state.every((w) => Number.isInteger(w) && w >>> 0 === w)
    if (!valid || state.every((w) => w === 0))
      throw new Error('a random state is four words of 32 bits, not all zero: the saved state is damaged')
    ;[this.a, this.b, this.c, this.d] = state.map((w) => w | 0)
    return this
  }

  /** A generator that continues from a saved state. @throws as restore */
  static from(state: RngState): Rng {
    return new Rng(0).restore(state)
  }
}
