/** @file Compares our engine with other libraries, each in a separate process. Times count only if the results agree. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from '../../engine/device/engine'
import { messageOf, UserError } from '../../src/host/errors'
import { childJson } from '../startup'
import type { BenchFile, MacroRow, PeerRow } from '../results'
import { spreadOf } from '../statistics'
import { type PeerCase, peerCases } from './cases'
import { prepareOurs } from './ours'
import { installPeer, type PeerName, peerNames } from './packages'
import { torchPeers } from './torch'
import { type Peer, type PeerReport, resultFile, runPeer, timesOf } from './peer'

export interface PeerOptions {
  quick: boolean
  filter: readonly string[]
  /** Milliseconds to spend on a case. */
  budget: number
  cli: string
}

/** Milliseconds of load before the samples of a case. The small set is for software adapters, which have no clock to raise. */
const loadOf = ({ quick }: Pick<PeerOptions, 'quick'>) => (quick ? 0 : 1000)

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
  return runPeer(peer, chosenPeerCases(options), folder, options.budget, loadOf(options))
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

interface PeerHooks {
  onCase(done: number, total: number, name: string): void
  stop(): boolean
  log(line: string): void
}

/**
 * Runs the chosen cases with our engine and all peers. `known` are rows of whole runs that were measured before.
 * @throws UserError if there is no peer to compare with
 */
export async function runPeers(
  engine: Engine,
  options: PeerOptions,
  known: readonly MacroRow[],
  hooks: PeerHooks,
): Promise<PeerResults> {
  const torch = await torchPeers(engine, options, known, hooks)
  try {
    const { rows, skipped } = await runLibraries(engine, options, hooks)
    return { rows: [...rows, ...torch.rows], skipped: [...skipped, ...torch.skipped] }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const why = [error.message, ...torch.skipped.map(({ name, why }) => `${name}: ${why}`)].join('; ')
    if (!torch.rows.length) throw new UserError(`no peer to compare with: ${why}`)
    return { rows: torch.rows, skipped: [{ name: 'other libraries', why: error.message }, ...torch.skipped] }
  }
}

/** The libraries of npm. @throws UserError if none can be installed */
async function runLibraries(engine: Engine, options: PeerOptions, hooks: PeerHooks): Promise<PeerResults> {
  const cases = chosenPeerCases(options)
  if (!cases.length) return { rows: [], skipped: [] }
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
  if (!available.length) throw new UserError(skipped.map(({ why }) => why).join('; '))
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
      const mine = await runOurs(engine, one, options.budget, loadOf(options)).catch((error: Error) => error)
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

async function runOurs(engine: Engine, one: PeerCase, budget: number, load: number): Promise<OurRun> {
  const ready = await prepareOurs(engine, one)
  try {
    return { result: await ready.result(), times: await timesOf(ready, budget, load) }
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
