/** @file Runs a command in each of the ranks that MPI has started. */
import { reportError } from '../cli/report-error'
import { muteOutput } from '../host/progress'
import type { Communicator } from '../mpi/communicator'
import { openMpi } from '../mpi/open-mpi'

/**
 * Calls `work` with the ranks of this process's job, and leaves MPI when all ranks are done. An error at any rank is printed there and
 * ends all of them, because the others would never stop waiting for it. Nothing else is printed by other ranks than the first.
 */
export async function withRanks<T>(work: (ranks: Communicator) => Promise<T>): Promise<T> {
  const ranks = await openMpi()
  const unmute = ranks.rank > 0 ? muteOutput() : null
  try {
    const result = await work(ranks)
    await ranks.close()
    return result
  } catch (error) {
    unmute?.()
    if (ranks.size > 1)
      ranks.abort(reportError(error, ranks.rank ? `wgsam: rank ${ranks.rank} of ${ranks.size}` : 'wgsam'))
    throw error
  }
}
