/** @file Where the ranks of a job run: on which machines, processors and GPUs, so that they share these fairly. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, hostname } from 'node:os'
import { type CardChoice, chooseCard } from '../host/choose-card'
import { broadcastValue, type Communicator, gatherValues } from './communicator'

export interface RankPlace {
  host: string
  /** The processors that the rank may use, as the system names them: equal texts are the same processors. */
  processors: string
  /** Their number. */
  count: number
  /** Those of the whole machine. */
  machine: number
  /** Null for a software adapter, or if nothing is known. */
  card: CardChoice | null
}

/** Chooses the card of this rank, and tells all ranks where each of them is. Before the first GPU adapter is requested. */
export async function takePlace(ranks: Communicator): Promise<RankPlace[]> {
  const own: RankPlace = {
    host: hostname(),
    processors: allowedProcessors(),
    count: availableParallelism(),
    machine: cpus().length,
    card: await chooseCard(ranks.localRank),
  }
  return broadcastValue(ranks, (await gatherValues(ranks, own)) ?? undefined)
}

/** Linux has a list of them. Elsewhere launchers bind no processes to processors. */
function allowedProcessors(): string {
  try {
    return /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  } catch {
    return ''
  }
}

/** How many processors a rank may keep busy, if those that use the same ones get as many each. */
export function processorShare(places: readonly RankPlace[], rank: number): number {
  const own = places[rank]
  const sharing = places.filter(({ host, processors }) => host === own.host && processors === own.processors).length
  return Math.max(1, Math.floor(own.count / sharing))
}

/** The cards of the ranks, and what is wrong with that, as lines of text; none if no rank has a card. */
export function describePlaces(places: readonly RankPlace[]): string[] {
  const named = places.flatMap(({ host, card }, rank) =>
    card ? [{ rank, host, ...card, key: `${host} ${card.card.uuid}` }] : [],
  )
  const lines = named.map(
    ({ rank, host, card }) => `rank ${rank}: ${card.name}${card.pci ? ` at ${card.pci}` : ''} on ${host}`,
  )
  const shared = named.filter(({ key }, i) => named.findIndex((other) => other.key === key) !== i)
  const helpless = named.filter(({ chosen }) => !chosen)
  if (helpless.length)
    lines.push(
      `warning: ${helpless[0].host} shows each rank ${helpless[0].of} GPUs that cannot be told apart, so that ${helpless.length} ranks compute ` +
        'on the first of them. Install Mesa’s device selection layer (mesa-vulkan-drivers), or let the scheduler show each rank only its ' +
        'own GPU: docs/cluster.md, "Which GPU"',
    )
  else if (shared.length) {
    const [{ host, card }] = shared
    const ranks = named.filter(({ key }) => key === shared[0].key).map(({ rank }) => rank)
    lines.push(
      `warning: ranks ${ranks.join(', ')} share one GPU (${card.name} on ${host}), which makes none of them faster: start fewer ranks, or more GPUs for ` +
        'the job',
    )
  }
  const bound = places.findIndex(({ count, machine }) => count === 1 && machine > 1)
  if (bound >= 0 && named.length)
    lines.push(
      `warning: rank ${bound} may use only one of ${places[bound].machine} processors, which leaves none for preparing images: ` +
        '`mpirun --bind-to none` of Open MPI, or `--cpus-per-task` of Slurm',
    )
  return lines
}
