/** @file The process of a peer (another library): it writes its results into files and reports its times as JSON. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PeerCase } from './cases'
import { messageOf } from '../../src/host/errors'

/** A case prepared by a peer. */
export interface PreparedCase {
  /** Runs it `times` times. Returns the milliseconds of one run. */
  sample(times: number): Promise<number>
  /** Its result, in our layout. */
  result(): Promise<Float32Array>
  release?(): void | Promise<void>
}

export interface Peer {
  /** The name and version of its package. */
  version: string
  /** Whether it supports a case. */
  has(one: PeerCase): boolean
  prepare(one: PeerCase): Promise<PreparedCase>
}

export interface PeerTimes {
  name: string
  /**
   * Milliseconds of one run, for each sample. If it failed, empty, with the reason in `why`. */
  times: number[]
  why?: string
}

export interface PeerReport {
  version: string
  rows: PeerTimes[]
}

const MIN_SAMPLES = 3
const MAX_SAMPLES = 50
const MAX_REPEATS = 256
/** Minimum milliseconds of a sample, so that the round trip to the GPU has little influence. */
const MIN_SAMPLE_MS = 20
/** If the first two runs take longer than this many milliseconds, the second is the only sample. */
const SLOW = 20_000

/**
 * Milliseconds of one run, for each sample. The first run compiles; then runs are added to a sample until it is long enough.
 * `load`: milliseconds of runs before the first sample, which raise the clock rates of an idle GPU.
 */
export async function timesOf({ sample }: PreparedCase, budget: number, load = 0): Promise<number[]> {
  const start = performance.now()
  await sample(1)
  let rough = await sample(1)
  if (performance.now() - start > SLOW) return [rough]
  let repeats = 1
  while (rough * repeats < MIN_SAMPLE_MS && repeats < MAX_REPEATS) {
    repeats *= 4
    await sample(repeats)
    rough = await sample(repeats)
  }
  const loaded = performance.now() + load
  while (performance.now() < loaded) await sample(repeats)
  const taken: number[] = []
  const end = performance.now() + budget
  while (taken.length < MIN_SAMPLES || (taken.length < MAX_SAMPLES && performance.now() < end))
    taken.push(await sample(repeats))
  return taken
}

/** Milliseconds per run by the host's clock, for a function that performs `times` runs. */
export async function hostTime(times: number, run: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await run()
  return (performance.now() - start) / times
}

/** The file of a case's result, as little-endian f32. */
export const resultFile = (folder: string, index: number): string => join(folder, `${index}.f32`)

/** Runs all cases with a peer. Failures are reported in their rows, not thrown. */
export async function runPeer(
  peer: Peer,
  cases: readonly PeerCase[],
  folder: string,
  budget: number,
  load = 0,
): Promise<PeerReport> {
  await mkdir(folder, { recursive: true })
  const rows: PeerTimes[] = []
  for (const [i, one] of cases.entries()) {
    if (!peer.has(one)) continue
    try {
      const ready = await peer.prepare(one)
      const result = await ready.result()
      await writeFile(resultFile(folder, i), new Uint8Array(result.buffer, result.byteOffset, result.byteLength))
      rows.push({ name: one.name, times: await timesOf(ready, budget, load) })
      await ready.release?.()
    } catch (error) {
      rows.push({ name: one.name, times: [], why: messageOf(error).split('\n')[0] })
    }
  }
  return { version: peer.version, rows }
}
