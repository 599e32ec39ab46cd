/**
 * @file Tests src/mpi: operations among ranks of both families of MPI. The file starts itself as the ranks, with WGSAM_TEST_RANKS naming
 * the program that they run.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../engine/rng'
import { TIME_TO_READ } from '../../../src/commands/with-ranks'
import { messageOf } from '../../../src/host/errors'
import { alone, broadcastValue, gatherValues } from '../../../src/mpi/communicator'
import type { MpiCommunicator } from '../../../src/mpi/mpi-communicator'
import { openMpi } from '../../../src/mpi/open-mpi'
import { startRanks, testRanks } from '../../support/mpi'

/** Values whose sum depends on the order in which they are added. */
const valuesOf = (rank: number, count: number) => {
  const rng = new Rng(7, rank)
  return Float32Array.from({ length: count }, () => (rng.next() - 0.5) * 10 ** Math.floor(12 * rng.next()))
}

/** The sums as they are defined: in f64, in the order of the ranks. */
const expected = (size: number, count: number) => {
  const parts = Array.from({ length: size }, (_, r) => valuesOf(r, count))
  return Float32Array.from({ length: count }, (_, i) => parts.reduce((sum, part) => sum + part[i], 0))
}

const programs: Record<string, () => Promise<void>> = {
  async operations() {
    const ranks = await openMpi()
    const { rank, size } = ranks
    const lengths = (await ranks.agree([rank, 10 * rank + 0.5])).map(([r, x]) => [r, x])
    assert.equal(
      lengths,
      Array.from({ length: size }, (_, r) => [r, 10 * r + 0.5]),
    )
    assert.equal(await broadcastValue(ranks, rank === 0 ? { words: ['µm', NaN] } : undefined), { words: ['µm', NaN] })
    assert.is((await ranks.broadcast(new Uint8Array())).length, 0)
    // of different lengths, one of them empty
    const gathered = await gatherValues(ranks, 'x'.repeat(1000 * rank))
    assert.equal(gathered?.map((text) => text.length) ?? null, rank ? null : [0, 1000, 2000].slice(0, size))
    const bytes = await ranks.gather(new Uint8Array(rank).fill(rank))
    assert.equal(bytes?.map((one) => [...one]) ?? null, rank ? null : [[], [1], [2, 2]].slice(0, size))
    // fewer values than ranks, a number that no number of ranks divides, many values; in one part and in many, to the same bits
    for (const count of [1, 1009, 1 << 16]) {
      const sums = Buffer.from(expected(size, count).buffer)
      for (const bytes of [1 << 26, 4000]) {
        ;(ranks as MpiCommunicator).sumBytes = bytes
        const values = valuesOf(rank, count)
        await ranks.sum(values)
        assert.is(Buffer.compare(Buffer.from(values.buffer), sums), 0)
      }
    }
    assert.ok(ranks.cost.bytes > 2 * 4 * 2 * (1 << 16) * ((size - 1) / size))
    // operations that are called without waiting for each other keep their order
    const both = await Promise.all([ranks.agree([1]), ranks.barrier(), ranks.agree([2])])
    assert.equal(both[2], Array(size).fill([2]))
    await ranks.close()
    console.log(`rank ${rank} of ${size}, local ${ranks.localRank}: ${ranks.description}`)
  },

  /** Rank 1 comes late; the others must hear their timers meanwhile, and not keep their processors busy. */
  async patience() {
    const ranks = await openMpi()
    const [began, before] = [performance.now(), process.cpuUsage()]
    let ticks = 0
    const timer = setInterval(() => ticks++, 20)
    if (ranks.rank === 1) await new Promise((resolve) => setTimeout(resolve, 1500))
    await ranks.barrier()
    clearInterval(timer)
    const { user, system } = process.cpuUsage(before)
    const seconds = (performance.now() - began) / 1000
    const report = await gatherValues(ranks, { ticks, busy: (user + system) / 1e6 / seconds })
    if (report) console.log(`report ${JSON.stringify(report)}`)
    await ranks.close()
  },

  async disagreement() {
    const ranks = await openMpi()
    await ranks.sum(new Float32Array(ranks.rank + 1)).catch((error) => {
      if (ranks.rank === 0) console.log(messageOf(error))
    })
    await ranks.close()
  },

  async abort() {
    const ranks = await openMpi()
    if (ranks.rank === 1) {
      console.log('rank 1 gives up')
      await sleep(TIME_TO_READ)
      ranks.abort(3)
    }
    await ranks.barrier()
    console.log('no rank comes here')
  },

  async open() {
    await openMpi()
      .then(({ description }) => console.log(`opened ${description}; ${process.env.UCX_MEM_EVENTS}`))
      .catch((error) => console.log(messageOf(error)))
  },
}

const program = process.env.WGSAM_TEST_RANKS
if (program) {
  await programs[program]().catch((error) => {
    console.error(error)
    process.exit(1)
  })
  process.exit(0)
}

const start = (launcher: 'openmpi' | 'mpich', n: number, name: string, env = {}) =>
  startRanks(launcher, n, ['--enable-source-maps', process.argv[1]], { WGSAM_TEST_RANKS: name, ...env }).ended

testRanks('the operations of 2 and 3 ranks, with sums of fixed bits', async (launcher) => {
  for (const n of [2, 3]) {
    const { code, stdout, stderr } = await start(launcher, n, 'operations')
    assert.is(code, 0, stderr)
    for (let rank = 0; rank < n; rank++)
      assert.match(
        stdout,
        new RegExp(`rank ${rank} of ${n}, local ${rank}: .*${launcher === 'mpich' ? 'MPICH' : 'Open MPI'}`),
      )
  }
})

testRanks('a rank that waits hears timers and leaves the processor to others', async (launcher) => {
  const { code, stdout, stderr } = await start(launcher, 2, 'patience')
  assert.is(code, 0, stderr)
  const [first] = JSON.parse(/report (.*)/.exec(stdout)![1])
  assert.ok(first.ticks > 10, `${first.ticks} ticks`)
  assert.ok(first.busy < 0.5, `busy for ${first.busy} of the time`)
})

testRanks('ranks that give different counts get an error', async (launcher) => {
  const { stdout } = await start(launcher, 2, 'disagreement')
  assert.match(stdout, /different numbers of values to add: 1, 2/)
})

testRanks('one rank ends all of them', async (launcher) => {
  const { code, stdout } = await start(launcher, 3, 'abort')
  // MPICH's launcher joins the codes of all ranks by OR, and those that it kills end with 9
  assert.ok(launcher === 'openmpi' ? code === 3 : code === 3 || code === (3 | 9), `exit code ${code}`)
  assert.match(stdout, /rank 1 gives up/)
  assert.not.match(stdout, /no rank comes here/)
})

testRanks('a library that is missing, none of MPI, or of another kind', async (launcher) => {
  const missing = await start(launcher, 2, 'open', { WGSAM_MPI: '/nowhere/libmpi.so' })
  assert.match(missing.stdout, /the library that WGSAM_MPI names could be loaded|\/nowhere\/libmpi\.so/)
  assert.match(missing.stdout, /WGSAM_MPI=\/path\/to\/libmpi\.so/)
  const wrong = await start(launcher, 2, 'open', { WGSAM_MPI: 'libm.so.6' })
  assert.match(wrong.stdout, /libm\.so\.6 is no library of MPI/)
  const other = launcher === 'openmpi' ? 'libmpich.so.12' : 'libmpi.so.40'
  const mixed = await start(launcher, 2, 'open', { WGSAM_MPI: other })
  assert.match(
    mixed.stdout,
    launcher === 'openmpi' ? /by mpirun of Open MPI, but libmpich.so.12 is MPICH/ : /but libmpi.so.40 is Open MPI/,
  )
})

testRanks('memory is not watched by UCX, unless the user wants it', async (launcher) => {
  const [usual, wanted] = [await start(launcher, 2, 'open'), await start(launcher, 2, 'open', { UCX_MEM_EVENTS: 'y' })]
  assert.match(usual.stdout, /opened .*; n$/m)
  assert.match(wanted.stdout, /opened .*; y$/m)
})

test('a process that runs alone', async () => {
  assert.is(await openMpi(), alone)
  const values = Float32Array.of(1, 2)
  await alone.sum(values)
  assert.equal([...values], [1, 2])
  assert.equal(await gatherValues(alone, 'x'), ['x'])
  assert.is(await broadcastValue(alone, 3), 3)
  assert.equal(await alone.agree([1, 2]), [[1, 2]])
})

test.run()
