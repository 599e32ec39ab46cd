/** @file Tests src/mpi/launch.ts: what the environments of the launchers say. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readLaunch, tasksWithoutMpi } from '../../../src/mpi/launch'

const summary = (env: Record<string, string>) => {
  const launch = readLaunch(env)
  return launch && [launch.library, launch.rank, launch.size, launch.localRank]
}

test('the environments of mpirun', () => {
  const open = { OMPI_COMM_WORLD_RANK: '2', OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_LOCAL_RANK: '0', PMIX_RANK: '2' }
  assert.equal(summary(open), ['Open MPI', 2, 4, 0])
  assert.equal(summary({ PMI_RANK: '1', PMI_SIZE: '3', MPI_LOCALRANKID: '1' }), ['MPICH', 1, 3, 1])
  // launchers that do not say the local rank: MPI knows it
  assert.equal(summary({ PMI_RANK: '1', PMI_SIZE: '3' }), ['MPICH', 1, 3, null])
})

test('the environments of srun', () => {
  const task = {
    SLURM_STEP_ID: '0',
    SLURM_PROCID: '5',
    SLURM_NTASKS: '8',
    SLURM_STEP_NUM_TASKS: '6',
    SLURM_LOCALID: '1',
  }
  assert.equal(summary({ ...task, PMIX_RANK: '5' }), [null, 5, 6, 1])
  assert.equal(summary({ ...task, PMI_RANK: '5', PMI_SIZE: '6' }), [null, 5, 6, 1])
  assert.is(tasksWithoutMpi({ ...task, PMIX_RANK: '5' }), 1)
  // srun --mpi=none: every task would believe that it is the only one
  assert.is(summary(task), null)
  assert.is(tasksWithoutMpi(task), 6)
})

test('a job script of Slurm and an ordinary shell are no ranks', () => {
  const script = { SLURM_JOB_ID: '7', SLURM_PROCID: '0', SLURM_NTASKS: '8', SLURM_LOCALID: '0' }
  assert.is(summary(script), null)
  assert.is(tasksWithoutMpi(script), 1)
  assert.is(summary({}), null)
  assert.is(summary({ OMPI_COMM_WORLD_RANK: 'x', OMPI_COMM_WORLD_SIZE: '' }), null)
})

test('a rank that cannot be is refused', () => {
  assert.throws(() => readLaunch({ PMI_RANK: '3', PMI_SIZE: '3' }), /rank 3 of 3/)
})

test.run()
