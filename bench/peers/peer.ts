/** @file What a peer's process does and what it prints: its results into files, its times as JSON. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PeerCase } from './cases'
import { messageOf } from '../../src/host/errors'

/** A case made ready by a peer. */
export interface Ready {
  /** Runs it so many times; milliseconds of one. */
  sample(times: number): Promise<number>
  /** Its result, in our layout. */
  result(): Promise<Float32Array>
  release?(): void | Promise<void>
}

export interface Peer {
  /** What it calls itself, with its version. */
  version: string
  /** Whether it can do a case at all. */
  has(one: PeerCase): boolean
  prepare(one: PeerCase): Promise<Ready>
}

export interface PeerTimes {
  name: string
  /** Milliseconds of one run, sample by sample. Empty with a reason where there is none. */
  times: number[]
  why?: string
}

export interface PeerReport {
  version: string
  rows: PeerTimes[]
}

const LEAST = 3
const MOST = 50
const MOST_REPEATS = 256
/** Milliseconds that one sample should take at least: a round trip to the GPU then counts for little. */
const LEAST_SAMPLE = 20
/** Of what takes longer, one more run must do. */
const SLOW = 20_000

/** Times of one run: the first sample compiles, then a sample grows by runs until it is long enough to be read. */
export async function timesOf({ sample }: Ready, budget: number): Promise<number[]> {
  const start = performance.now()
  await sample(1)
  let rough = await sample(1)
  if (performance.now() - start > SLOW) return [rough]
  let repeats = 1
  while (rough * repeats < LEAST_SAMPLE && repeats < MOST_REPEATS) {
    repeats *= 4
    await sample(repeats)
    rough = await sample(repeats)
  }
  const taken: number[] = []
  const end = performance.now() + budget
  while (taken.length < LEAST || (taken.length < MOST && performance.now() < end)) taken.push(await sample(repeats))
  return taken
}

/** Of runs that follow each other by the host's clock. */
export async function hostTime(times: number, run: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await run()
  return (performance.now() - start) / times
}

/** The file of a case's result, as little-endian f32. */
export const resultFile = (folder: string, index: number): string => join(folder, `${index}.f32`)

/** All cases through a peer; what it cannot do is told, not thrown. */
export async function runPeer(
  peer: Peer,
  cases: readonly PeerCase[],
  folder: string,
  budget: number,
): Promise<PeerReport> {
  await mkdir(folder, { recursive: true })
  const rows: PeerTimes[] = []
  for (const [i, one] of cases.entries()) {
    if (!peer.has(one)) continue
    try {
      const ready = await peer.prepare(one)
      const result = await ready.result()
      await writeFile(resultFile(folder, i), new Uint8Array(result.buffer, result.byteOffset, result.byteLength))
      rows.push({ name: one.name, times: await timesOf(ready, budget) })
      await ready.release?.()
    } catch (error) {
      rows.push({ name: one.name, times: [], why: messageOf(error).split('\n')[0] })
    }
  }
  return { version: peer.version, rows }
}
