/** @file Ours beside the other libraries: each of them in a process of its own, the results compared before the times are. */
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

/** Results that differ by more are not of the same operation. */
export const TOLERANCE = 1e-3

const openers: Record<PeerName, () => Promise<Peer>> = {
  tfjs: async () => (await import('./tfjs')).openTfjs(),
  onnxruntime: async () => (await import('./onnxruntime')).openOnnxruntime(),
}

export const chosenPeerCases = ({ quick, filter }: Pick<PeerOptions, 'quick' | 'filter'>): PeerCase[] =>
  peerCases.filter((one) => (one.quick || !quick) && (!filter.length || filter.some((part) => one.name.includes(part))))

/** In a process of its own: all cases through one peer, its results into `folder`. @throws UserError for an unknown peer */
export async function peerProcess(
  name: string,
  folder: string,
  options: Omit<PeerOptions, 'cli'>,
): Promise<PeerReport> {
  if (!Object.hasOwn(openers, name)) throw new UserError(`no peer is called "${name}": ${peerNames.join(', ')}`)
  const peer = await openers[name as PeerName]()
  return runPeer(peer, chosenPeerCases(options), folder, options.budget)
}

/** ‖theirs − ours‖ / ‖ours‖; Infinity where they cannot be compared. */
export function difference(theirs: Float32Array, ours: Float32Array): number {
  if (theirs.length !== ours.length) return Infinity
  let [apart, all] = [0, 0]
  for (let i = 0; i < ours.length; i++) {
    apart += (theirs[i] - ours[i]) ** 2
    all += ours[i] ** 2
  }
  const value = Math.sqrt(apart / all)
  return Number.isFinite(value) ? value : Infinity
}

interface PeerResults {
  rows: PeerRow[]
  skipped: BenchFile['skipped']
}

/** @throws UserError where none of the peers can be had */
export async function runPeers(
  engine: Engine,
  options: PeerOptions,
  hooks: { onCase(done: number, total: number, name: string): void; stop(): boolean; log(line: string): void },
): Promise<PeerResults> {
  const cases = chosenPeerCases(options)
  const [there, skipped]: [PeerName[], BenchFile['skipped']] = [[], []]
  for (const peer of peerNames) {
    try {
      await installPeer(peer, hooks.log)
      there.push(peer)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      skipped.push({ name: peer, why: error.message })
    }
  }
  if (!there.length) throw new UserError(`no peer to compare with: ${skipped.map(({ why }) => why).join('; ')}`)
  const folder = await mkdtemp(join(tmpdir(), 'wgsam-peers-'))
  try {
    const total = there.length + cases.length
    const reports = new Map<PeerName, PeerReport>()
    for (const [i, peer] of there.entries()) {
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
      hooks.onCase(there.length + i, total, one.name)
      const mine = await ours(engine, one, options.budget).catch((error: Error) => error)
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

interface Mine {
  times: number[]
  result: Float32Array
}

async function ours(engine: Engine, one: PeerCase, budget: number): Promise<Mine> {
  const ready = await prepareOurs(engine, one)
  try {
    return { result: await ready.result(), times: await timesOf(ready, budget) }
  } finally {
    await ready.release?.()
  }
}

/** The numbers of a row, or why there are none. */
async function compareWith(
  { times, why }: PeerReport['rows'][number],
  mine: Mine,
  file: string,
): Promise<Omit<PeerRow, 'kind' | 'name' | 'peer'> | string> {
  if (!times.length) return why ?? 'nothing was timed'
  const bytes = await readFile(file)
  const theirs = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  const error = difference(theirs, mine.result)
  if (!(error <= TOLERANCE)) return `its result is another: by ${error.toExponential(1)} of ours`
  const [ms, own] = [spreadOf(times), spreadOf(mine.times)]
  return { ms, ours: own, ratio: ms.median / own.median, error }
}
