/**
 * @file What the ranks of a job do together. Every rank must call the same functions in the same order; a promise resolves when this
 * rank's part is done. A process that runs alone is rank 0 of 1, for which all of them return at once.
 */
import { deserialize, serialize } from 'node:v8'

/** What the exchange of numbers has cost a rank so far. */
export interface CommunicationCost {
  /** Seconds in which this rank waited for others that had not come so far. */
  waiting: number
  /** Seconds in which numbers were moved and added. */
  moving: number
  /** Bytes that this rank has sent. */
  bytes: number
}

export interface Communicator {
  /** From 0, below `size`. */
  readonly rank: number
  /** The number of ranks. */
  readonly size: number
  /** The rank among those of the same machine. */
  readonly localRank: number
  /** The cost of `sum` and `agree`. */
  readonly cost: Readonly<CommunicationCost>
  /** The library of MPI and the launcher, for people; empty for a process that runs alone. */
  readonly description: string
  /** Resolves when every rank has called it. */
  barrier(): Promise<void>
  /** The bytes that rank 0 gives; what the others give is ignored. */
  broadcast(bytes?: Uint8Array): Promise<Uint8Array>
  /** The bytes of all ranks in their order, at rank 0; null at the others. They may be of different lengths. */
  gather(bytes: Uint8Array): Promise<Uint8Array[] | null>
  /** A few numbers of each rank, the same count at each, in the order of the ranks. */
  agree(numbers: readonly number[]): Promise<number[][]>
  /**
   * Replaces the values by their sums over all ranks. Each is added in the order of the ranks, in f64, and rounded once: the same bits
   * at every rank and each time, whatever the library and the network.
   * @throws Error if the ranks give different counts
   */
  sum(values: Float32Array): Promise<void>
  /** Ends all ranks at once with this exit code. What is to be said must be printed before. */
  abort(code: number): void
  /** Waits for all ranks and leaves MPI. Nothing can be called afterwards. */
  close(): Promise<void>
}

/** A process that was not started under MPI, or as the only rank. */
export const alone: Communicator = {
  rank: 0,
  size: 1,
  localRank: 0,
  cost: { waiting: 0, moving: 0, bytes: 0 },
  description: '',
  barrier: async () => {},
  broadcast: async (bytes = new Uint8Array()) => bytes,
  gather: async (bytes) => [bytes],
  agree: async (numbers) => [[...numbers]],
  sum: async () => {},
  abort: (code) => process.exit(code),
  close: async () => {},
}

/** The value that rank 0 gives: what a structured clone can hold, so NaN and typed arrays too. */
export async function broadcastValue<T>(ranks: Communicator, value?: T): Promise<T> {
  if (ranks.size === 1) return value as T
  return deserialize(await ranks.broadcast(ranks.rank === 0 ? serialize(value) : undefined)) as T
}

/** The value of each rank, in their order, at rank 0; null at the others. */
export async function gatherValues<T>(ranks: Communicator, value: T): Promise<T[] | null> {
  if (ranks.size === 1) return [value]
  const parts = await ranks.gather(serialize(value))
  return parts?.map((bytes) => deserialize(bytes) as T) ?? null
}
