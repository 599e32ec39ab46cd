/**
 * @file Adds up the gradients of a step that several processes compute together. They are read back in groups as the backward pass
 * completes them, and added on the host while the device computes the next ones. What is added to what does not depend on the groups.
 */
import type { Engine } from '../device/engine'
import type { Tensor } from '../device/tensor'
import type { Mark } from '../graph/program'
import type { FiniteGuard } from '../ops/finite-guard'
import { type GradientGroup, gradientGroups, groupsHash, leastGroupBytes } from './gradient-groups'
import type { ParameterSet } from './parameters'
import { shareWords, type StepPeers } from './step-peers'

export interface Exchanged {
  parameters: ParameterSet
  /** See `completedAfter`. */
  after: readonly number[]
  /** The losses of the step, which are added up as well. */
  losses: Tensor
  guard: FiniteGuard
}

export class GradientExchange {
  /** Seconds of exchanges that passed while the device was still computing, so far. */
  hidden = 0
  /** What the program of the last micro-batch calls while it is submitted: the groups but the last are read there. */
  readonly marks: Mark[]
  /** Gradients and losses on the host; the last number says whether this process has found one that is not finite. */
  private readonly sums: Float32Array
  /** Readings of the step in progress, in the order of the groups. */
  private reads: Promise<unknown>[] = []

  private constructor(
    private readonly engine: Engine,
    private readonly peers: StepPeers,
    private readonly groups: readonly GradientGroup[],
    private readonly losses: Tensor,
    private readonly guard: FiniteGuard,
  ) {
    const sizes = [...groups.flatMap(({ tensors }) => tensors), losses].map(({ size }) => size)
    this.sums = new Float32Array(sizes.reduce((total, size) => total + size, 1))
    let at = 0
    this.marks = groups.slice(0, -1).map(({ after, tensors }) => {
      const into = this.sums.subarray(at, (at += sizeOfAll(tensors)))
      return { after, then: () => this.read(tensors, (mapped) => into.set(new Float32Array(mapped, 0, into.length))) }
    })
  }

  /**
   * All processes must call it together, and divide the gradients in the same way: where their devices complete them in different
   * orders, there is one group.
   * @param processes their number
   * @param least the smallest size of a group, in bytes
   */
  static async open(
    engine: Engine,
    peers: StepPeers,
    processes: number,
    { parameters, after, losses, guard }: Exchanged,
    least = leastGroupBytes(processes),
  ): Promise<GradientExchange> {
    const groups = gradientGroups(parameters, after, least)
    const hashes = (await peers.agree([groupsHash(groups)])).flat()
    const one = hashes.some((hash) => hash !== hashes[0])
    const used = one ? gradientGroups(parameters, after, Infinity) : groups
    return new GradientExchange(engine, peers, used, losses, guard)
  }

  /** Forgets readings of a step that was not submitted to its end. */
  begin(): void {
    this.reads = []
  }

  private read(tensors: readonly Tensor[], use: (mapped: ArrayBuffer) => void): void {
    const reading = this.engine.readMapped(tensors, use)
    // the error is thrown where the reading is awaited; until then it must not end the process
    reading.catch(() => {})
    this.reads.push(reading)
  }

  /**
   * Replaces gradients, losses and what was found in the tensors of this process by those of all. Called when all of the step's
   * gradients are submitted. @throws Error that the device reported · what `peers` throws
   */
  async complete(): Promise<void> {
    const { engine, peers, groups, losses, sums, reads } = this
    const { found } = this.guard
    const first = groups.slice(0, -1).map(({ tensors }) => sizeOfAll(tensors))
    const start = first.reduce((total, size) => total + size, 0)
    const rest = sums.subarray(start)
    const tensors = [...groups.at(-1)!.tensors, losses]
    let words = new Uint32Array()
    let computed = Infinity
    this.read([...tensors, ...(found ? [found] : [])], (mapped) => {
      computed = performance.now()
      const count = rest.length - 1
      rest.set(new Float32Array(mapped, 0, count))
      words = new Uint32Array(mapped, 4 * count, found?.size ?? 0).slice()
    })
    let at = 0
    for (const [i, size] of first.entries()) {
      await reads[i]
      const began = performance.now()
      await this.add(groups[i].tensors, sums.subarray(at, (at += size)))
      this.hidden += Math.max(0, Math.min(performance.now(), computed) - began) / 1000
    }
    await reads.at(-1)
    const finds = words.some((word) => word !== 0)
    rest[rest.length - 1] = finds ? 1 : 0
    await this.add(tensors, rest)
    if (!found || !rest[rest.length - 1]) return
    // all skip the update then, and report where the first was
    const finder = (await peers.agree([finds ? 1 : 0])).findIndex(([any]) => any)
    engine.write(found, await shareWords(peers, words, finder))
  }

  /** Adds up values, which begin with those of these tensors, and writes them back. */
  private async add(tensors: readonly Tensor[], values: Float32Array): Promise<void> {
    await this.peers.sum(values)
    let at = 0
    for (const tensor of tensors) this.engine.write(tensor, values.subarray(at, (at += tensor.size)))
  }
}

const sizeOfAll = (tensors: readonly Tensor[]): number => tensors.reduce((total, { size }) => total + size, 0)
