/**
 * @file Other processes that compute parts of the same training step, each on a separate device. How numbers travel between them
 * is the host's affair.
 */

/**
 * Every process must call the same functions in the same order. Their results must be the same, to the bit, in all processes.
 */
export interface StepPeers {
  /** The place of this process among all, from 0. */
  readonly rank: number
  /** A few numbers of each process, in the order of their ranks. */
  agree(numbers: readonly number[]): Promise<number[][]>
  /** Replaces the values by their sums over all processes. */
  sum(values: Float32Array): Promise<void>
}

/** The numbers of a rank that has something to say, for all ranks: each u32 word is sent as two parts of 16 bits, which f32 holds exactly. */
export async function shareWords(peers: StepPeers, words: Uint32Array, from: number): Promise<Uint32Array> {
  const halves = new Float32Array(2 * words.length)
  if (peers.rank === from)
    words.forEach((word, i) => {
      halves[2 * i] = word >>> 16
      halves[2 * i + 1] = word & 0xffff
    })
  await peers.sum(halves)
  return Uint32Array.from(words, (_, i) => ((halves[2 * i] << 16) | halves[2 * i + 1]) >>> 0)
}
