/** @file Runs a command in each of the ranks that MPI has started. */
import { setTimeout as sleep } from 'node:timers/promises'
import { reportError } from '../cli/report-error'
import { chooseCardOfTask } from '../host/choose-card'
import { logLine, muteOutput } from '../host/progress'
import type { Communicator } from '../mpi/communicator'
import { openMpi } from '../mpi/open-mpi'
import { describePlaces, type RankPlace, takePlace } from '../mpi/rank-places'

/** Milliseconds that a launcher has to pass on what a rank printed: what it has not read when the rank aborts can be lost. */
export const TIME_TO_READ = 1000

/**
 * Calls `work` with the ranks of this process's job, and leaves MPI when all ranks are done. An error at any rank is printed there and
 * ends all of them, because the others would never stop waiting for it. Nothing else is printed by other ranks than the first.
 * @param usesGpu whether each rank takes a GPU, which must not have been opened before
 * @param work receives the places of the ranks if they use GPUs; none for a process that runs alone
 */
export async function withRanks<T>(
  usesGpu: boolean,
  work: (ranks: Communicator, places: RankPlace[]) => Promise<T>,
): Promise<T> {
  const ranks = await openMpi()
  const unmute = ranks.rank > 0 ? muteOutput() : null
  try {
    if (usesGpu && ranks.size === 1) await chooseCardOfTask()
    const places = usesGpu && ranks.size > 1 ? await takePlace(ranks) : []
    describePlaces(places).forEach(logLine)
    const result = await work(ranks, places)
    await ranks.close()
    return result
  } catch (error) {
    unmute?.()
    if (ranks.size > 1) {
      const code = reportError(error, ranks.rank ? `wgsam: rank ${ranks.rank} of ${ranks.size}` : 'wgsam')
      await sleep(TIME_TO_READ)
      ranks.abort(code)
    }
    throw error
  }
}
