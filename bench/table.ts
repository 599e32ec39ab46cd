/** @file The results of benchmarks as text tables. */
import { amount } from '../src/host/progress'
import { textTable } from '../src/text/table'
import type { BenchFile, HostRow, MacroRow, MicroRow, PeerRow, StartupRow } from './results'
import type { Spread } from './statistics'

/** A table whose first column is aligned to the left, the others, numbers, to the right. */
export const columns = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  textTable([head, ...rows], 1)

/** Milliseconds with three significant digits. */
export const milliseconds = (ms: number): string =>
  ms >= 1e5 ? String(Math.round(ms)) : ms >= 0.001 ? String(Number(ms.toPrecision(3))) : ms.toExponential(1)

/** The interquartile range of the runs relative to the median, in percent. */
const spreadText = ({ median, low, high, runs }: Spread): string =>
  runs < 2 ? 'one run' : `${signed(low / median - 1)} ${signed(high / median - 1)} %`

const signed = (share: number) => `${share < 0 ? '−' : '+'}${Math.abs(100 * share).toFixed(0)}`
const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`
const rate = (value: number) => (value ? String(Number(value.toPrecision(3))) : '')

export function benchTable(file: BenchFile): string {
  const { rows, peaks, engine, hardware, skipped } = file
  const of = <T extends { kind: string }>(kind: T['kind']) => rows.filter((row) => row.kind === kind) as unknown as T[]
  const parts = [
    [
      `${hardware.adapter}${hardware.software ? ' (software: runs on the processor)' : ''}, ${hardware.driver}`,
      `${hardware.versions}; matrix products: ${engine.products}, attention: ${engine.attention}${engine.precision ? `, precision ${engine.precision}` : ''}; time by ${engine.clock}`,
      ...(peaks
        ? [
            `peaks: copy ${rate(peaks.copy)} GB/s, multiply-add ${rate(peaks.multiplyAdd)} GFLOP/s, ` +
              `large matrix product ${rate(peaks.gemm)} GFLOP/s${peaks.matrix ? `, matrix units ${rate(peaks.matrix)} GFLOP/s` : ''}`,
          ]
        : []),
    ].join('\n'),
    microTable(of<MicroRow>('micro')),
    macroTable(of<MacroRow>('macro')),
    startupTable(of<StartupRow>('first')),
    hostTable(of<HostRow>('host')),
    peerTable(of<PeerRow>('peer')),
    skipped.map(({ name, why }) => `not measured: ${name}: ${why}`).join('\n'),
    file.interrupted ? 'stopped before all cases were measured' : '',
  ]
  return parts.filter(Boolean).join('\n\n')
}

function microTable(rows: readonly MicroRow[]): string {
  if (!rows.length) return ''
  return columns(
    ['operation', 'ms', 'spread', 'GFLOP/s', 'GB/s', 'of the roof'],
    rows.map(({ name, ms, gflops, gbs, share, bound }) => [
      name,
      milliseconds(ms.median),
      spreadText(ms),
      rate(gflops),
      rate(gbs),
      share === null ? '' : `${percent(share)} (${bound})`,
    ]),
  )
}

function macroTable(rows: readonly MacroRow[]): string {
  if (!rows.length) return ''
  return columns(
    ['run', 'ms', 'spread', 'rate', 'host', 'dispatches', 'planned', 'peak', 'held'],
    rows.map((row) => [
      row.name,
      milliseconds(row.ms.median),
      spreadText(row.ms),
      `${rate((1000 * row.items) / row.ms.median)} ${row.unit}/s`,
      row.hostShare === null ? '' : percent(row.hostShare),
      row.dispatches ? String(row.dispatches) : '',
      row.plannedBytes ? amount(row.plannedBytes, 'bytes') : '',
      amount(row.peakBytes, 'bytes'),
      row.heldBytes[0] === row.heldBytes[1] ? 'steady' : `grew ${amount(row.heldBytes[1] - row.heldBytes[0], 'bytes')}`,
    ]),
  )
}

function startupTable(rows: readonly StartupRow[]): string {
  if (!rows.length) return ''
  return columns(
    ['start', 'ms', 'adapter', 'weights and pipelines', 'first run', 'second run'],
    rows.map(({ name, ms, open, record, first, second }) => [
      name,
      ...[ms.median, open, record, first, second].map(milliseconds),
    ]),
  )
}

function hostTable(rows: readonly HostRow[]): string {
  if (!rows.length) return ''
  return columns(
    ['on the processor', 'ms', 'spread'],
    rows.map(({ name, ms }) => [name, milliseconds(ms.median), spreadText(ms)]),
  )
}

function peerTable(rows: readonly PeerRow[]): string {
  if (!rows.length) return ''
  return columns(
    ['operation and peer', 'theirs, ms', 'spread', 'ours, ms', 'spread', 'theirs / ours', 'difference'],
    rows.map(({ name, ms, ours, ratio, error }) => [
      name,
      milliseconds(ms.median),
      spreadText(ms),
      milliseconds(ours.median),
      spreadText(ours),
      ratio.toFixed(2),
      error === null ? '' : error.toExponential(1),
    ]),
  )
}
