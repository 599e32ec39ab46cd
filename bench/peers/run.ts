/** @file Compares our engine with other libraries, each in a separate process. Times count only if the results agree. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from '../../engine/device/engine'
import { messageOf, UserError } from '../../src/host/errors'
import { childJson } from '../startup'
import type { BenchFile, PeerRow } from '../results'
import { spreadOf } from '../statistics'
import { type PeerCase, peerCases } from './cases'
import { prepareOurs } from './ours'
import { installPeer, type PeerName, peerNames } from './packages'
import { type Peer, type PeerReport, resultFile, runPeer, timesOf } from './peer'

export interface PeerOptions {
  quick: boolean
  filter: readonly string[]
  /** Milliseconds to spend on a case. */
  budget: number
  cli: string
}

/** Maximum relative difference of results of the same operation. */
const TOLERANCE = 1e-3

const openers: Record<PeerName, () => Promise<Peer>> = {
  tfjs: async () => (await import('./tfjs')).openTfjs(),
  onnxruntime: async () => (await import('./onnxruntime')).openOnnxruntime(),
}

const chosenPeerCases = ({ quick, filter }: Pick<PeerOptions, 'quick' | 'filter'>): PeerCase[] =>
  peerCases.filter((one) => (one.quick || !quick) && (!filter.length || filter.some((part) => one.name.includes(part))))

/**
 * The body of a peer's process: runs all chosen cases with the peer and writes its results into `folder`.
 * @throws UserError for an unknown peer
 */
export async function peerProcess(
  name: string,
  folder: string,
  options: Omit<PeerOptions, 'cli'>,
): Promise<PeerReport> {
  if (!Object.hasOwn(openers, name)) throw new UserError(`unknown peer "${name}"; there are ${peerNames.join(', ')}`)
  const peer = await openers[name as PeerName]()
  return runPeer(peer, chosenPeerCases(options), folder, options.budget)
}

/** ‖theirs − ours‖ / ‖ours‖; Infinity if they cannot be compared. */
export function difference(theirs: Float32Array, ours: Float32Array): number {
  if (theirs.length !== ours.length) return Infinity
  let [error, norm] = [0, 0]
  for (let i = 0; i < ours.length; i++) {
    error += (theirs[i] - ours[i]) ** 2
    norm += ours[i] ** 2
  }
  const value = Math.sqrt(error / norm)
  return Number.isFinite(value) ? value : Infinity
}

interface PeerResults {
  rows: PeerRow[]
  skipped: BenchFile['skipped']
}

/** Runs the chosen cases with our engine and all peers. @throws UserError if no peer can be installed */
export async function runPeers(
  engine: Engine,
  options: PeerOptions,
  hooks: { onCase(done: number, total: number, name: string): void; stop(): boolean; log(line: string): void },
): Promise<PeerResults> {
  const cases = chosenPeerCases(options)
  const [available, skipped]: [PeerName[], BenchFile['skipped']] = [[], []]
  for (const peer of peerNames) {
    try {
      await installPeer(peer, hooks.log)
      available.push(peer)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      skipped.push({ name: peer, why: error.message })
    }
  }
  if (!available.length) throw new UserError(`no peer to compare with: ${skipped.map(({ why }) => why).join('; ')}`)
  const folder = await mkdtemp(join(tmpdir(), 'wgsam-peers-'))
  try {
    const total = available.length + cases.length
    const reports = new Map<PeerName, PeerReport>()
    for (const [i, peer] of available.entries()) {
      if (hooks.stop()) break
      hooks.onCase(i, total, peer)
      const only = options.filter.flatMap((part) => ['--filter', part])
      const args = ['bench', '--peer', peer, '--out', join(folder, peer), '--seconds', String(options.budget / 1000)]
      try {
        reports.set(
          peer,
          await childJson<PeerReport>(options.cli, [...args, options.quick ? '--quick' : '--full', ...only]),
        )
      } catch (error) {
        skipped.push({ name: peer, why: messageOf(error) })
      }
    }
    const rows: PeerRow[] = []
    for (const [i, one] of cases.entries()) {
      if (hooks.stop()) break
      hooks.onCase(available.length + i, total, one.name)
      const mine = await runOurs(engine, one, options.budget).catch((error: Error) => error)
      if (mine instanceof Error) {
        skipped.push({ name: one.name, why: mine.message })
        continue
      }
      for (const [peer, { version, rows: theirs }] of reports) {
        const times = theirs.find(({ name }) => name === one.name)
        const compared = times && (await compareWith(times, mine, resultFile(join(folder, peer), i)))
        if (typeof compared === 'string') skipped.push({ name: `${one.name} by ${version}`, why: compared })
        else if (compared) rows.push({ kind: 'peer', name: `${one.name} by ${version}`, peer: version, ...compared })
      }
    }
    return { rows, skipped }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface OurRun {
  times: number[]
  result: Float32Array
}

async function runOurs(engine: Engine, one: PeerCase, budget: number): Promise<OurRun> {
  const ready = await prepareOurs(engine, one)
  try {
    return { result: await ready.result(), times: await timesOf(ready, budget) }
  } finally {
    await ready.release?.()
  }
}

/** The values of a row, or the reason why there are none. */
async function compareWith(
  { times, why }: PeerReport['rows'][number],
  mine: OurRun,
  file: string,
): Promise<Omit<PeerRow, 'kind' | 'name' | 'peer'> | string> {
  if (!times.length) return why ?? 'no times were measured'
  const bytes = await readFile(file)
  const theirs = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  const error = difference(theirs, mine.result)
  if (!(error <= TOLERANCE)) return `its result differs from ours: relative difference ${error.toExponential(1)}`
  const [ms, own] = [spreadOf(times), spreadOf(mine.times)]
  return { ms, ours: own, ratio: ms.median / own.median, error }
}
