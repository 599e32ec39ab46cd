/**
 * @file The ranks of MPI_COMM_WORLD. Every collective operation is a nonblocking one that is polled from the event loop: no other
 * thread ever calls MPI, which MPI_THREAD_FUNNELED allows in every library, signals are heard while a rank waits, and a rank that
 * waits for long sleeps between its polls instead of keeping a processor busy, as the blocking operations of all libraries do.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { CommunicationCost, Communicator } from './communicator'
import type { MpiLibrary } from './library'

const THREAD_FUNNELED = 1

/** Maximum bytes of an operation for each rank: counts of MPI are of 31 bits, and libraries add up those of all ranks. */
const MAX_BYTES = 1 << 28
/** Bytes of values that are added at once: they stay in a processor's cache. */
const SUM_BYTES = 4 << 20
/** The same for each rank, so that messages are worth their latency. */
const SUM_MESSAGE = 64 << 10
/** Milliseconds in which a rank that waits for others polls in every turn of the event loop. */
const SPIN = 1
/** The same once all ranks are there and numbers move: they move only while MPI is polled. */
const BUSY_SPIN = 10_000
/** Maximum milliseconds between two polls, and their share of the time waited so far. */
const MAX_NAP = 5
const NAP_SHARE = 1 / 16

const now = () => performance.now()
const turn = () => new Promise((resolve) => setImmediate(resolve))
/** Memory whose address does not change: small typed arrays may otherwise be moved by the garbage collector. */
const ints = (count: number) => new Int32Array(new ArrayBuffer(4 * count))
const floats = (count: number) => new Float32Array(new ArrayBuffer(4 * count))

export class MpiCommunicator implements Communicator {
  readonly cost: CommunicationCost = { waiting: 0, moving: 0, bytes: 0 }
  /** Maximum bytes of values that `sum` exchanges at once, by default by the number of ranks. It does not change the sums. */
  sumBytes: number
  /** What `sumPart` sends, receives and returns, kept from call to call: fresh memory costs more than the additions. */
  private scratch = { given: floats(0), taken: floats(0), sums: floats(0), result: floats(0) }
  private readonly request = new Uint8Array(new ArrayBuffer(16))
  private readonly status = new Uint8Array(new ArrayBuffer(128))
  private readonly flag = ints(1)
  /**
   * What the operation in progress reads and writes. Without a reference from here the garbage collector could free an array that the
   * caller does not use again, while MPI still sends it.
   */
  private readonly pinned = new Set<unknown>()
  private last: Promise<unknown> = Promise.resolve()

  private constructor(
    private readonly mpi: MpiLibrary,
    readonly rank: number,
    readonly size: number,
    readonly localRank: number,
    readonly description: string,
  ) {
    this.sumBytes = Math.max(SUM_BYTES, SUM_MESSAGE * size)
  }

  /** Initialises MPI. @param localRank null: MPI is asked for it */
  static open(mpi: MpiLibrary, launcher: string, localRank: number | null): MpiCommunicator {
    const { world, call, infoNull, sharedMemory, version } = mpi
    const out = ints(4)
    const check = (what: string, code: number) => {
      if (code) throw new Error(`MPI_${what} failed with code ${code}`)
    }
    check('Init_thread', call.Init_thread(null, null, THREAD_FUNNELED, out))
    const ask = (name: 'Comm_rank' | 'Comm_size', communicator: unknown) => {
      check(name, call[name](communicator, out))
      return out[0]
    }
    const [rank, size] = [ask('Comm_rank', world), ask('Comm_size', world)]
    let local = localRank
    if (local === null) {
      const node = new BigInt64Array(new ArrayBuffer(8))
      check('Comm_split_type', call.Comm_split_type(world, sharedMemory, rank, infoNull, node))
      // a handle of MPICH has 32 bits, of which the highest may be set
      local = ask('Comm_rank', mpi.kind === 'MPICH' ? new Int32Array(node.buffer)[0] : node[0])
    }
    return new MpiCommunicator(mpi, rank, size, local, `${version}, ${launcher}`)
  }

  barrier(): Promise<void> {
    const { call, world } = this.mpi
    return this.queued(() => this.operation((request) => call.Ibarrier(world, request)))
  }

  broadcast(bytes = new Uint8Array()): Promise<Uint8Array> {
    const { call, world, byte } = this.mpi
    return this.queued(async () => {
      const length = new Float64Array(new ArrayBuffer(8)).fill(bytes.byteLength)
      await this.operation((request) => call.Ibcast(length, 8, byte, 0, world, request), [length])
      const data = this.rank === 0 ? stable(bytes) : new Uint8Array(new ArrayBuffer(length[0]))
      for (let at = 0; at < data.length; at += MAX_BYTES) {
        const part = data.subarray(at, at + MAX_BYTES)
        await this.operation((request) => call.Ibcast(part, part.length, byte, 0, world, request), [part], true)
      }
      return data
    })
  }

  gather(bytes: Uint8Array): Promise<Uint8Array[] | null> {
    return this.queued(async () => {
      const lengths = (await this.allGather([bytes.byteLength])).flat()
      const parts = this.rank === 0 ? lengths.map((length) => new Uint8Array(new ArrayBuffer(length))) : null
      const own = stable(bytes)
      const most = Math.max(MAX_BYTES / this.size, 1) | 0
      for (let at = 0; at < Math.max(...lengths); at += most) {
        const counts = ints(this.size).map((_, r) => Math.max(0, Math.min(most, lengths[r] - at)))
        const starts = ints(this.size)
        for (let r = 1; r < this.size; r++) starts[r] = starts[r - 1] + counts[r - 1]
        const mine = own.subarray(at, at + counts[this.rank])
        const all = new Uint8Array(new ArrayBuffer(parts ? starts[this.size - 1] + counts[this.size - 1] : 0))
        await this.gatherOnce(mine, all, counts, starts)
        parts?.forEach((part, r) => part.set(all.subarray(starts[r], starts[r] + counts[r]), at))
      }
      return parts
    })
  }

  private gatherOnce(mine: Uint8Array, all: Uint8Array, counts: Int32Array, starts: Int32Array): Promise<void> {
    const { call, world, byte } = this.mpi
    return this.operation(
      (request) => call.Igatherv(mine, mine.length, byte, all, counts, starts, byte, 0, world, request),
      [mine, all, counts, starts],
      true,
    )
  }

  async agree(numbers: readonly number[]): Promise<number[][]> {
    const began = now()
    const all = await this.queued(() => this.allGather(numbers))
    this.cost.waiting += (now() - began) / 1000
    return all
  }

  private async allGather(numbers: readonly number[]): Promise<number[][]> {
    const { call, world, byte } = this.mpi
    const bytes = 8 * numbers.length
    const mine = new Float64Array(new ArrayBuffer(bytes))
    mine.set(numbers)
    const all = new Float64Array(new ArrayBuffer(bytes * this.size))
    await this.operation((request) => call.Iallgather(mine, bytes, byte, all, bytes, byte, world, request), [mine, all])
    return Array.from({ length: this.size }, (_, r) => [...all.subarray(r * numbers.length, (r + 1) * numbers.length)])
  }

  sum(values: Float32Array): Promise<void> {
    return this.queued(async () => {
      const { size } = this
      const began = now()
      // the first exchange also waits, patiently, for the ranks that are still computing
      const counts = (await this.allGather([values.length])).flat()
      if (counts.some((count) => count !== values.length))
        throw new Error(`the ranks have different numbers of values to add: ${counts.join(', ')}`)
      const together = now()
      const most = Math.max(1, Math.floor(this.sumBytes / 4 / size)) * size
      for (let at = 0; at < values.length; at += most) await this.sumPart(values.subarray(at, at + most))
      this.cost.waiting += (together - began) / 1000
      this.cost.moving += (now() - together) / 1000
    })
  }

  /**
   * Each rank adds one slice of the values: it receives that slice of every rank, adds them in the order of the ranks, and all
   * exchange the sums. A rank sends and receives less than twice the values, however many ranks there are.
   */
  private async sumPart(values: Float32Array): Promise<void> {
    const { size, cost } = this
    const { call, world, byte } = this.mpi
    const slice = Math.ceil(values.length / size)
    const bytes = 4 * slice
    if (this.scratch.sums.length < slice) {
      const [whole, part] = [() => floats(slice * size), floats(slice)]
      this.scratch = { given: whole(), taken: whole(), sums: part, result: whole() }
    }
    const { given, taken, sums, result } = this.scratch
    given.set(values)
    await this.operation(
      (request) => call.Ialltoall(given, bytes, byte, taken, bytes, byte, world, request),
      [given, taken],
      true,
    )
    for (let i = 0; i < slice; i++) {
      let sum = taken[i]
      for (let r = 1; r < size; r++) sum += taken[r * slice + i]
      sums[i] = sum
    }
    await this.operation(
      (request) => call.Iallgather(sums, bytes, byte, result, bytes, byte, world, request),
      [sums, result],
      true,
    )
    values.set(result.subarray(0, values.length))
    cost.bytes += 2 * bytes * (size - 1)
  }

  abort(code: number): void {
    this.mpi.call.Abort(this.mpi.world, code)
  }

  async close(): Promise<void> {
    // MPI_Finalize waits for the others without letting the event loop run
    await this.barrier()
    this.mpi.call.Finalize()
  }

  /** Runs after what was called before. */
  private queued<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work)
    this.last = result.catch(() => {})
    return result
  }

  /** Starts a nonblocking operation and polls until it is complete. `busy`: all ranks are known to be there. */
  private async operation(start: (request: Uint8Array) => number, pinned: unknown[] = [], busy = false): Promise<void> {
    const { mpi, request, flag, status } = this
    for (const one of pinned) this.pinned.add(one)
    const code = start(request)
    if (code) throw new Error(`an operation of MPI failed with code ${code}`)
    const began = now()
    const spin = busy ? BUSY_SPIN : SPIN
    for (;;) {
      const failed = mpi.call.Test(request, flag, status)
      if (failed) throw new Error(`MPI_Test failed with code ${failed}`)
      if (flag[0]) break
      const waited = now() - began
      if (waited < spin) await turn()
      else await sleep(Math.min(MAX_NAP, Math.max(1, waited * NAP_SHARE)))
    }
    this.pinned.clear()
  }
}

/** The bytes in memory whose address does not change. */
function stable(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(bytes.byteLength))
  copy.set(bytes)
  return copy
}
