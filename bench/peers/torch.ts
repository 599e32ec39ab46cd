/**
 * @file PyTorch with CUDA on the same GPU, where a python3 has both: the encoder of ViT-B and its LoRA step, beside ours. Its
 * rows come from torch-peer.py. Ours are whole runs, as in `wgsam bench --macro`; our step has the decoder and the losses in
 * addition, so that the comparison favours PyTorch.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Engine } from '../../engine/device/engine'
import { messageOf } from '../../src/host/errors'
import { macroCases } from '../macro'
import { BufferLedger } from '../macro/buffer-ledger'
import { withPrecision } from '../precisions'
import type { BenchFile, MacroRow, PeerRow } from '../results'
import { runMacro } from '../run-macro'
import { spreadOf } from '../statistics'
import script from './torch-peer.py'

interface TorchCase {
  name: string
  size: number
  batch: number
  train: boolean
  /** Our case of the same work. */
  ours: string
}

const RANK = 512
export const torchCases: readonly TorchCase[] = [
  { name: 'encoder ViT-B 512, 8 images', size: 512, batch: 8, train: false, ours: 'encoder:vit-b-512-8' },
  { name: 'encoder ViT-B 1024', size: 1024, batch: 1, train: false, ours: 'encoder:vit-b-1024' },
  { name: 'LoRA step ViT-B 512, 8 images', size: 512, batch: 8, train: true, ours: 'step:vit-b-512' },
  { name: 'LoRA step ViT-B 1024', size: 1024, batch: 1, train: true, ours: 'step:vit-b-1024' },
]

/** A line of the script's output about a measurement. */
interface TorchRow {
  name: string
  kind: string
  how: string
  times?: number[]
  peak?: number
  why?: string
}

export interface TorchReport {
  /** "torch 2.11.0", null if there is none that can be used. */
  version: string | null
  rows: TorchRow[]
  /** Why it could not be used, or ended early. */
  why: string | null
}

/** Compiling takes a minute or more for each row; what is measured until then counts. */
const LIMIT_MS = 900_000

export interface TorchOptions {
  cases: readonly TorchCase[]
  /** Milliseconds to spend on a row. */
  budget: number
  python?: string
  limit?: number
  stop(): boolean
  onRow(name: string): void
}

/** Runs the script. Any failure is stated in the report. */
export async function runTorch(options: TorchOptions): Promise<TorchReport> {
  const { cases, budget, python = process.env.WGSAM_PYTHON || 'python3', limit = LIMIT_MS } = options
  const report: TorchReport = { version: null, rows: [], why: null }
  const folder = await mkdtemp(join(tmpdir(), 'wgsam-torch-'))
  try {
    // a file, because compilers of PyTorch read the source of what they compile
    const path = join(folder, 'torch-peer.py')
    await writeFile(path, script)
    const wanted = cases.map(({ name, size, batch, train }) => ({ name, size, batch, train }))
    const args = [path, JSON.stringify({ cases: wanted, rank: RANK, seconds: budget / 1000 })]
    await new Promise<void>((resolve) => {
      const child = spawn(python, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      const end = (why: string) => {
        report.why ??= why
        child.kill('SIGKILL')
      }
      const timer = setTimeout(() => end(`not all rows were measured within ${limit / 60_000} minutes`), limit)
      const watch = setInterval(() => options.stop() && end('stopped'), 200)
      let errors = ''
      child.stderr.on('data', (chunk) => (errors = `${errors}${chunk}`.slice(-2000)))
      createInterface({ input: child.stdout }).on('line', (line) => readLine(line, report, options.onRow))
      child.on('error', (error) => (report.why ??= `${python} does not start: ${messageOf(error)}`))
      child.on('close', (code, signal) => {
        clearTimeout(timer)
        clearInterval(watch)
        if (code !== 0)
          report.why ??= `${python} ended by ${signal ?? `code ${code}`}: ${errors.trim().split('\n').at(-1)}`
        resolve()
      })
    })
    if (!report.version) report.why ??= `${python} printed no version of PyTorch`
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return report
}

/** Adds a line of the script's output to the report. Lines of other origin (warnings of libraries) are ignored. */
function readLine(line: string, report: TorchReport, onRow: (name: string) => void): void {
  let said: Partial<TorchRow> & { version?: string; unavailable?: string }
  try {
    said = JSON.parse(line) as typeof said
  } catch {
    return
  }
  if (!said || typeof said !== 'object') return
  if (said.version) report.version = `torch ${said.version}`
  if (said.unavailable) report.why = said.unavailable
  if (!said.name || !said.kind || !said.how) return
  report.rows.push(said as TorchRow)
  onRow(`${said.name}, ${said.kind}, ${said.how}`)
}

/** Rows of formats with fewer than f32's bits are compared with ours in precision high, where the adapter has it. */
const oursFor = (name: string, kind: string, high: boolean) => (kind !== 'f32' && high ? `${name}-high` : name)

/** The rows of PyTorch beside ours. `known` are rows of this run, which are not measured again. */
export async function torchPeers(
  engine: Engine,
  options: { quick: boolean; filter: readonly string[]; budget: number; python?: string },
  known: readonly MacroRow[],
  hooks: { onCase(done: number, total: number, name: string): void; stop(): boolean },
): Promise<{ rows: PeerRow[]; skipped: BenchFile['skipped'] }> {
  const skipped: BenchFile['skipped'] = []
  if (options.quick)
    return { rows: [], skipped: [{ name: 'PyTorch', why: 'its rows are not in the small set: add --full' }] }
  const { filter, budget, python } = options
  const cases = torchCases.filter(({ name }) => !filter.length || filter.some((part) => name.includes(part)))
  if (!cases.length) return { rows: [], skipped }
  let done = 0
  const total = 6 * cases.length
  const onRow = (name: string) => hooks.onCase(++done, total, `PyTorch, ${name}`)
  hooks.onCase(0, total, 'PyTorch')
  const report = await runTorch({ cases, budget, python, stop: hooks.stop, onRow })
  if (report.why) skipped.push({ name: 'PyTorch', why: report.why })
  const rows: PeerRow[] = []
  const ours = new Map<string, MacroRow>(known.map((row) => [row.name, row]))
  const ledger = new BufferLedger(engine.device)
  for (const { name, kind, how, times, peak, why } of report.rows) {
    const label = `${name}, ${kind}, ${how}, by ${report.version}`
    const one = cases.find((known) => known.name === name)
    if (!one || !times?.length) {
      skipped.push({ name: label, why: why ?? 'no times were measured' })
      continue
    }
    const mine = oursFor(one.ours, kind, engine.matrixUnits !== null)
    try {
      if (!ours.has(mine) && !hooks.stop()) {
        const macro = macroCases.find((other) => other.name === mine)!
        hooks.onCase(done, total, mine)
        const at = withPrecision(engine, macro.precision ?? 'highest')
        ours.set(mine, await runMacro(at, ledger, macro, { budget: 10 * budget, stop: hooks.stop }))
      }
    } catch (error) {
      skipped.push({ name: label, why: `ours is missing: ${messageOf(error).split('\n')[0]}` })
      continue
    }
    const row = ours.get(mine)
    if (!row) continue
    const ms = spreadOf(times)
    const ratio = ms.median / row.ms.median
    const peer = `${report.version}, ${how}`
    rows.push({ kind: 'peer', name: `${label}, beside ${mine}`, peer, ms, ours: row.ms, ratio, error: null, peak })
  }
  return { rows, skipped }
}
