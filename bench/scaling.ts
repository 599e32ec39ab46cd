/**
 * @file How training should scale to many ranks: the time of a step from a measured time per image and a model of the exchange of
 * gradients. The assumptions and the table are in docs/cluster.md.
 */

export interface Cluster {
  /** Seconds that a message takes besides its bytes. */
  latency: number
  /** Bytes per second that a rank sends and receives at once. */
  bandwidth: number
  /** Bytes of gradients per second that a rank reads from the GPU, adds and writes back. */
  hostRate: number
}

/** 10 µs, a quarter of a 100 Gbit/s port (four ranks share it), and 1 GB/s on the host. */
const assumedCluster: Cluster = { latency: 1e-5, bandwidth: 3.1e9, hostRate: 1e9 }

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

/**
 * Seconds of the exchange: every rank sends each other its piece of the gradients, adds the pieces that it receives, and sends the sum to
 * each, in 2 (n - 1) messages of bytes / n.
 */
export function exchangeSeconds(bytes: number, ranks: number, { latency, bandwidth, hostRate }: Cluster): number {
  if (ranks === 1) return 0
  return 2 * (ranks - 1) * (latency + bytes / ranks / bandwidth) + bytes / hostRate
}

export interface Scaling {
  ranks: number
  /** Seconds of a step: computing, which is not overlapped, and the exchange. */
  step: number
  exchange: number
  /** Images per second, and their share of what as many single ranks would do. */
  rate: number
  efficiency: number
}

/** @param secondsPerImage measured with one rank · @param images of a rank in a step */
export function scaling(
  secondsPerImage: number,
  images: number,
  bytes: number,
  ranks: number,
  cluster: Cluster = assumedCluster,
): Scaling {
  const exchange = exchangeSeconds(bytes, ranks, cluster)
  const step = secondsPerImage * images + exchange
  return { ranks, step, exchange, rate: (ranks * images) / step, efficiency: (secondsPerImage * images) / step }
}

const qAndV = [[1, 1] as const, [1, 1] as const]
const vitB = { blocks: 12, width: 768, layers: qAndV }

/** Measured steps (docs/performance.md) and the adapters that are trained in them. */
const cases = [
  { name: 'ViT-B at 512, H100, rank 4', seconds: 0.291, images: 1, bytes: gradientBytes({ ...vitB, rank: 4 }) },
  { name: 'ViT-B at 512, H100, rank 512', seconds: 0.291, images: 1, bytes: gradientBytes({ ...vitB, rank: 512 }) },
  { name: 'the same, 8 images a rank', seconds: 0.291, images: 8, bytes: gradientBytes({ ...vitB, rank: 512 }) },
]

/** The table of docs/cluster.md: each cell is the time of the exchange, and the efficiency. */
export function scalingTable(ranks: readonly number[] = [8, 64, 512]): string {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
  const rows = cases.map(({ name, seconds, images, bytes }) => [
    name,
    megabytes(bytes),
    ...ranks.map((n) => {
      const { exchange, efficiency } = scaling(seconds, images, bytes, n)
      return `${(1000 * exchange).toFixed(0)} ms, ${(100 * efficiency).toFixed(0)} %`
    }),
  ])
  const head = ['step', 'gradients', ...ranks.map((n) => `${n} ranks`)]
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
