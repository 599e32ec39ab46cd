/** @file Ranks within one process, for tests of what ranks exchange. */
import { alone, type Communicator } from '../../src/mpi/communicator'

/** `size` communicators: a call resolves when all ranks have made theirs. */
export function inMemoryRanks(size: number): Communicator[] {
  const waiting: { values: unknown[]; count: number; resolve: () => void; all: Promise<void> }[] = []
  const calls = new Array<number>(size).fill(0)
  const exchange = async (rank: number, value: unknown): Promise<unknown[]> => {
    const call = calls[rank]++
    if (!waiting[call]) {
      let resolve = () => {}
      const all = new Promise<void>((r) => (resolve = r))
      waiting[call] = { values: [], count: 0, resolve, all }
    }
    const place = waiting[call]
    place.values[rank] = value
    if (++place.count === size) place.resolve()
    await place.all
    return place.values
  }
  return Array.from({ length: size }, (_, rank) => ({
    ...alone,
    rank,
    size,
    localRank: rank,
    barrier: async () => void (await exchange(rank, null)),
    broadcast: async (bytes) => (await exchange(rank, bytes?.slice()))[0] as Uint8Array,
    gather: async (bytes) => {
      const all = (await exchange(rank, bytes.slice())) as Uint8Array[]
      return rank ? null : all
    },
    agree: async (numbers) => (await exchange(rank, [...numbers])) as number[][],
    sum: async (values) => {
      const all = (await exchange(rank, values.slice())) as Float32Array[]
      for (let i = 0; i < values.length; i++) values[i] = all.reduce((sum, part) => sum + part[i], 0)
    },
  }))
}
