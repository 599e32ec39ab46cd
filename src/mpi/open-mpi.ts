/** @file Joins the other ranks if this process was started under MPI. Nothing of MPI is loaded otherwise. */
import { UserError } from '../host/errors'
import { alone, type Communicator } from './communicator'
import { type Launch, readLaunch } from './launch'
import { loadLibrary } from './library'
import { MpiCommunicator } from './mpi-communicator'

let opened: Promise<Communicator> | null = null

/**
 * The ranks that this process was started with, by `mpirun` or `srun`; `alone` if it was started otherwise, or as the only rank. MPI
 * is joined once in a process, so every call returns the same. Who has called it ends with `close`, or `abort` after an error.
 * @throws UserError if the library of MPI is missing, or is of another kind than the launcher
 */
export function openMpi(): Promise<Communicator> {
  return (opened ??= join(readLaunch()))
}

async function join(launch: Launch | null): Promise<Communicator> {
  if (!launch || launch.size === 1) return alone
  const library = await loadLibrary(launch)
  const ranks = MpiCommunicator.open(library, launch.launcher, launch.localRank)
  if (ranks.size !== launch.size)
    throw new UserError(
      `${launch.launcher} has started ${launch.size} ranks, but ${library.path} (${library.version}) knows of ${ranks.size}: ` +
        'it is not the library of this launcher. WGSAM_MPI=/path/to/libmpi.so names the right one',
    )
  return ranks
}
