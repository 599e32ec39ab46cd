/**
 * @file The targets that performance on an NVIDIA H100 is held against, and what this run measured: `wgsam bench --targets`.
 * docs/performance.md says where the earlier figures come from.
 */
import type { BenchFile, MacroRow, MicroRow, ResultRow } from './results'
import { columns } from './table'

type Unit = 'TFLOP/s' | 'ms' | 'GiB'

export interface Target {
  work: string
  /** The row that is measured for it. */
  row: string
  unit: Unit
  /** What an H100 took before the kernels for matrix units; null if it was not measured. */
  before: number | null
  target: number
  stretch: number
}

const product = (shape: string, suffix: string) => `gemm nt ${shape}${suffix}, forward`
const LIN1 = '8192x3072x768 (ViT-B 512, eight images, lin1)'
const SQUARE = '4096x4096x4096 (square)'
const GLOBAL = 'attention 32x32 window 32 heads 12x64 (ViT-B 512, global, 8 images), high'

/** The unit is by the row's own name, so a step is once a time and once an amount of memory. */
export const targets: readonly Target[] = [
  {
    work: 'product, high, 4096³',
    row: product(SQUARE, ', high'),
    unit: 'TFLOP/s',
    before: null,
    target: 300,
    stretch: 430,
  },
  {
    work: 'product, high, 8192x3072x768',
    row: product(LIN1, ', high'),
    unit: 'TFLOP/s',
    before: null,
    target: 230,
    stretch: 300,
  },
  {
    work: 'product, highest, 4096³',
    row: product(SQUARE, ''),
    unit: 'TFLOP/s',
    before: null,
    target: 100,
    stretch: 130,
  },
  {
    work: 'attention 32x32 global, forward',
    row: `${GLOBAL}, forward`,
    unit: 'TFLOP/s',
    before: 13.6,
    target: 100,
    stretch: 150,
  },
  {
    work: 'attention 32x32 global, backward',
    row: `${GLOBAL}, backward`,
    unit: 'TFLOP/s',
    before: 9.7,
    target: 60,
    stretch: 100,
  },
  {
    work: 'step ViT-B 512, 8 images, rank 512, highest',
    row: 'step:vit-b-512',
    unit: 'ms',
    before: 291,
    target: 110,
    stretch: 90,
  },
  { work: 'the same, high', row: 'step:vit-b-512-high', unit: 'ms', before: 291, target: 45, stretch: 30 },
  {
    work: 'memory of that step, f16 storage, nothing recomputed',
    row: 'step:vit-b-512-f16-high',
    unit: 'GiB',
    before: 5.9,
    target: 3,
    stretch: 2,
  },
  { work: 'encoder ViT-B 1024, high', row: 'encoder:vit-b-1024-high', unit: 'ms', before: 61, target: 15, stretch: 8 },
  {
    work: 'decoder, 64 prompts at 1024, high',
    row: 'decoder:64-1024-high',
    unit: 'ms',
    before: 21,
    target: 6,
    stretch: 3,
  },
  {
    work: 'step minisam 512, 8 images, high',
    row: 'step:minisam-512-high',
    unit: 'ms',
    before: 82,
    target: 30,
    stretch: 15,
  },
  {
    work: 'generator, 1024 points, minisam 512, high',
    row: 'generator:minisam-512-high',
    unit: 'ms',
    before: 867,
    target: 150,
    stretch: 80,
  },
  {
    work: 'generator, 1024 points, minisam 1024, high',
    row: 'generator:minisam-1024-high',
    unit: 'ms',
    before: 2580,
    target: 400,
    stretch: 150,
  },
]

/** Whether a case is measured for a target. A case of a single operation is named without its direction. */
export const isTargetCase = (name: string): boolean =>
  targets.some(({ row }) => row === name || row.replace(/, (forward|backward)$/, '') === name)

/** The measured value of a target; null if this run has none. */
export function measured({ row: name, unit }: Target, rows: readonly ResultRow[]): number | null {
  const row = rows.find((one): one is MicroRow | MacroRow => {
    return one.name === name && (one.kind === 'micro' || one.kind === 'macro')
  })
  if (!row) return null
  if (unit === 'ms') return row.ms.median
  if (unit === 'TFLOP/s') return row.kind === 'micro' ? row.gflops / 1000 : null
  return row.kind === 'macro' ? row.peakBytes / 2 ** 30 : null
}

/** What was measured against the target, in words. */
export function verdict({ unit, target, stretch }: Target, value: number): string {
  const reaches = (goal: number) => (unit === 'TFLOP/s' ? value >= goal : value <= goal)
  if (reaches(stretch)) return 'beyond the stretch target'
  if (reaches(target)) return 'reached'
  return `${(unit === 'TFLOP/s' ? target / value : value / target).toFixed(1)} times off`
}

const text = (value: number | null, unit: Unit) => (value === null ? '–' : `${Number(value.toPrecision(3))} ${unit}`)

export function targetTable({ hardware, rows, skipped }: BenchFile): string {
  const table = columns(
    ['work', 'earlier on an H100', 'measured now', 'target', 'stretch', ''],
    targets.map((one) => {
      const value = measured(one, rows)
      return [
        one.work,
        text(one.before, one.unit),
        text(value, one.unit),
        text(one.target, one.unit),
        text(one.stretch, one.unit),
        value === null ? 'not measured' : verdict(one, value),
      ]
    }),
  )
  const why = skipped.map(({ name, why }) => `not measured: ${name}: ${why}`)
  return [`${hardware.adapter}, ${hardware.driver}; the targets are for an NVIDIA H100`, '', table, ...why].join('\n')
}
