/**
 * @file Whether this process is one of several that a launcher of MPI has started, from the environment: Open MPI's mpirun, Hydra
 * (MPICH's mpirun, also of Intel MPI and MVAPICH), or Slurm's srun with one of its PMI plugins.
 */
import { UserError } from '../host/errors'

export interface Launch {
  /** The program that started the ranks. */
  launcher: string
  /** The library that the launcher belongs to; null if it starts programs of any. */
  library: 'Open MPI' | 'MPICH' | null
  rank: number
  size: number
  /** Rank among those of the same machine; null if the launcher does not say. */
  localRank: number | null
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * What the environment says of the launch; null if the process was not started as a rank of MPI. A job script of Slurm is no rank,
 * although SLURM_NTASKS is set in it: only what srun starts is.
 * @throws UserError if srun has started several tasks that cannot talk with one another
 */
export function readLaunch(env: Environment = process.env): Launch | null {
  const number = (name: string): number | null => (/^\d+$/.test(env[name] ?? '') ? Number(env[name]) : null)
  const first = (...names: string[]) => names.map(number).find((value) => value !== null) ?? null
  const slurmSize = first('SLURM_STEP_NUM_TASKS', 'SLURM_NTASKS')
  const launches: (Omit<Launch, 'rank' | 'size'> & { rank: number | null; size: number | null })[] = [
    {
      launcher: 'mpirun of Open MPI',
      library: 'Open MPI',
      rank: number('OMPI_COMM_WORLD_RANK'),
      size: number('OMPI_COMM_WORLD_SIZE'),
      localRank: number('OMPI_COMM_WORLD_LOCAL_RANK'),
    },
    {
      launcher: env.SLURM_STEP_ID ? 'srun with PMI' : 'mpirun of MPICH',
      library: env.SLURM_STEP_ID ? null : 'MPICH',
      rank: number('PMI_RANK'),
      size: number('PMI_SIZE') ?? slurmSize,
      localRank: first('MPI_LOCALRANKID', 'SLURM_LOCALID'),
    },
    {
      launcher: 'srun with PMIx',
      library: null,
      rank: number('PMIX_RANK'),
      size: slurmSize,
      localRank: number('SLURM_LOCALID'),
    },
  ]
  for (const { rank, size, ...launch } of launches)
    if (rank !== null && size !== null) {
      if (rank >= size) throw new UserError(`${launch.launcher} calls this process rank ${rank} of ${size}`)
      return { rank, size, ...launch }
    }
  return null
}

/**
 * The number of tasks that srun has started without a way for them to talk with one another; 1 otherwise. Each of them would do all
 * of the work.
 */
export function tasksWithoutMpi(env: Environment = process.env): number {
  const tasks = Number(env.SLURM_STEP_NUM_TASKS ?? 1)
  return env.SLURM_STEP_ID !== undefined && tasks > 1 && !readLaunch(env) ? tasks : 1
}
