/** @file The ranks of a job in one process: what each gives is kept until all have come. */
import type { StepPeers } from '../../engine/train/step-peers'

/** n peers. Each must be used by its own chain of promises. */
export function localPeers(n: number): StepPeers[] {
  let waiting: { give: unknown; take: (all: unknown[]) => void; rank: number }[] = []
  const meet = <T>(rank: number, give: T) =>
    new Promise<T[]>((take) => {
      waiting.push({ rank, give, take: take as (all: unknown[]) => void })
      if (waiting.length < n) return
      const all = waiting.sort((a, b) => a.rank - b.rank)
      waiting = []
      for (const one of all) one.take(all.map(({ give }) => give))
    })
  return Array.from({ length: n }, (_, rank) => ({
    rank,
    agree: (numbers) => meet(rank, [...numbers]),
    async sum(values) {
      const all = await meet(rank, values.slice())
      for (let i = 0; i < values.length; i++) values[i] = all.reduce((sum, part) => sum + part[i], 0)
    },
  }))
}
