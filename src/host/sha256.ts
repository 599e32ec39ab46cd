/**
 * @file SHA-256 of bytes that arrive in parts, in any host. WebCrypto has it for whole arrays only, and weights may be larger than an
 * array can be.
 */

/** The first 32 bits of the fractional parts of the roots of the first 64 primes: cube roots for the rounds, square roots to begin. */
const fraction = (root: number) => Math.floor((root - Math.floor(root)) * 2 ** 32) >>> 0
const primes: number[] = []
for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime)) primes.push(n)
const ROUND = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)))
const INITIAL = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)))

const BLOCK = 64

export class Sha256 {
  private readonly state = INITIAL.slice()
  private readonly words = new Int32Array(64)
  private readonly rest = new Uint8Array(BLOCK)
  private length = 0

  /** Adds bytes. */
  update(bytes: Uint8Array): this {
    let at = 0
    const held = this.length % BLOCK
    this.length += bytes.length
    if (held) {
      at = Math.min(BLOCK - held, bytes.length)
      this.rest.set(bytes.subarray(0, at), held)
      if (held + at < BLOCK) return this
      this.block(this.rest, 0)
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) this.block(bytes, at)
    this.rest.set(bytes.subarray(at))
    return this
  }

  /** In 64 hexadecimal digits. Nothing can be added afterwards. */
  hex(): string {
    const { length } = this
    const padding = new Uint8Array(BLOCK + 8 - ((length + 8) % BLOCK))
    padding[0] = 0x80
    new DataView(padding.buffer).setBigUint64(padding.length - 8, BigInt(length) * 8n)
    this.update(padding)
    return Array.from(this.state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  }

  private block(bytes: Uint8Array, at: number): void {
    const { words: w, state } = this
    for (let i = 0; i < 16; i++, at += 4)
      w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]
      const y = w[i - 2]
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0
    }
    let a = state[0]
    let b = state[1]
    let c = state[2]
    let d = state[3]
    let e = state[4]
    let f = state[5]
    let g = state[6]
    let h = state[7]
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[i] + w[i]) | 0
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e
    state[5] += f
    state[6] += g
    state[7] += h
  }
}
