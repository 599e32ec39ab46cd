/**
 * @file How training should scale to many ranks: the time of a step from a measured time per image and a model of the exchange of
 * gradients. The assumptions and the table are in docs/cluster.md.
 */
import { leastGroupBytes } from '../engine/train/gradient-groups'

export interface Cluster {
  /** Seconds that a message takes besides its bytes. */
  latency: number
  /** Bytes per second that a rank sends and receives at once. */
  bandwidth: number
  /** Bytes of gradients per second that a rank reads from the GPU, adds and writes back. */
  hostRate: number
}

/** Four ranks share a port of a node. @param gigabits of the port, per second */
const clusterWith = (gigabits: number): Cluster => ({
  latency: 1e-5,
  bandwidth: (gigabits * 1e9) / 8 / 4,
  hostRate: 4e8,
})
const assumedCluster = clusterWith(100)

/** The part of a step that the backward pass takes: twice the operations of the forward pass. */
const BACKWARD = 2 / 3
/** Adapted blocks of ViT-B. */
const BLOCKS = 12

export interface AdapterShape {
  blocks: number
  /** Channels of a block. */
  width: number
  rank: number
  /** The inputs and outputs of each adapted layer, in multiples of `width`: q and v are [1, 1], the layers of the MLP [1, 4] and [4, 1]. */
  layers: readonly (readonly [inputs: number, outputs: number])[]
}

/** Bytes of an adapter's gradients in f32: two matrices for each layer. */
export const gradientBytes = ({ blocks, width, rank, layers }: AdapterShape): number =>
  4 * blocks * rank * layers.reduce((sum, [inputs, outputs]) => sum + (inputs + outputs) * width, 0)

/** Into how many groups the gradients are divided, see engine/train/gradient-groups.ts: of whole blocks of equal size. */
export function groupsOf(bytes: number, ranks: number): number {
  const blocksInGroup = Math.ceil(leastGroupBytes(ranks) / (bytes / BLOCKS))
  return Math.max(1, Math.ceil(BLOCKS / blocksInGroup))
}

/**
 * Seconds of the exchange: for each group every rank sends each other its piece of the gradients, adds the pieces that it receives, and
 * sends the sum to each, in 2 (n - 1) messages of bytes / n.
 */
export function exchangeSeconds(bytes: number, ranks: number, cluster: Cluster): number {
  if (ranks === 1) return 0
  const { latency, bandwidth, hostRate } = cluster
  return 2 * (ranks - 1) * (groupsOf(bytes, ranks) * latency + bytes / ranks / bandwidth) + bytes / hostRate
}

/**
 * Seconds of the exchange that a step waits for: groups become complete at equal distances during the backward pass, the last one
 * at its end, and are exchanged one after the other.
 */
export function waitedSeconds(exchange: number, groups: number, backward: number): number {
  return Math.max(exchange / groups, exchange - (backward * (groups - 1)) / groups)
}

export interface Scaling {
  /** Seconds of a step: computing, and what of the exchange is waited for. */
  step: number
  exchange: number
  waited: number
  /** Images per second, as a share of what as many single ranks would do; the same if nothing overlapped. */
  efficiency: number
  withoutOverlap: number
}

/** @param computing seconds of a step measured with one rank, in one micro-batch */
export function scaling(computing: number, bytes: number, ranks: number, cluster: Cluster = assumedCluster): Scaling {
  const exchange = exchangeSeconds(bytes, ranks, cluster)
  const waited = ranks === 1 ? 0 : waitedSeconds(exchange, groupsOf(bytes, ranks), BACKWARD * computing)
  const step = computing + waited
  return { step, exchange, waited, efficiency: computing / step, withoutOverlap: computing / (computing + exchange) }
}

const qAndV = [[1, 1] as const, [1, 1] as const]
const vitB = (rank: number) => gradientBytes({ blocks: BLOCKS, width: 768, layers: qAndV, rank })

/** The step of 8 images that docs/performance.md has, and one of the speed that faster kernels could give it. */
const MEASURED = 0.291
const FASTER = 0.1
const cases = [
  { name: 'rank 4, 291 ms', seconds: MEASURED, bytes: vitB(4) },
  { name: 'rank 64, 291 ms', seconds: MEASURED, bytes: vitB(64) },
  { name: 'rank 512, 291 ms', seconds: MEASURED, bytes: vitB(512) },
  { name: 'rank 512, 100 ms', seconds: FASTER, bytes: vitB(512) },
]

const ms = (seconds: number) => `${(1000 * seconds).toFixed(0)} ms`
const percent = (share: number) => `${(100 * share).toFixed(0)} %`
const table = (head: string[], rows: string[][]) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')

/** The first table of docs/cluster.md: by the number of ranks. */
export function scalingTable(ranks: readonly number[] = [8, 64, 512]): string {
  const rows = cases.map(({ name, seconds, bytes }) => [
    name,
    `${(bytes / 1e6).toFixed(1)} MB`,
    ...ranks.map((n) => {
      const { exchange, waited, efficiency, withoutOverlap } = scaling(seconds, bytes, n)
      return `${ms(exchange)}, ${ms(waited)}; ${percent(efficiency)}, ${percent(withoutOverlap)}`
    }),
  ])
  return table(['step', 'gradients', ...ranks.map((n) => `${n} ranks`)], rows)
}

/** The second one: by the network, with 64 ranks. */
export function networkTable(gigabits: readonly number[] = [10, 25, 100, 200]): string {
  const rows = cases.map(({ name, seconds, bytes }) => [
    name,
    ...gigabits.map((speed) => {
      const { efficiency, withoutOverlap } = scaling(seconds, bytes, 64, clusterWith(speed))
      return `${percent(efficiency)}, ${percent(withoutOverlap)}`
    }),
  ])
  return table(['step', ...gigabits.map((speed) => `${speed} Gbit/s`)], rows)
}
