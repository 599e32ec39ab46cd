/** @file The table of targets: every target has a case, values are in its unit, and what counts as reached. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { macroCases } from '../../bench/macro'
import { microCases } from '../../bench/ops'
import { chooseCases } from '../../bench/run'
import { isTargetCase, measured, type Target, targets, targetTable, verdict } from '../../bench/targets'
import { file, macro, micro, spread } from '../support/bench-results'

test('every target is measured by a case, in the precision it names', () => {
  const cases = [...microCases, ...macroCases]
  for (const { row, work } of targets) {
    const one = cases.find(
      ({ name }) => row === name || row.startsWith(`${name}, forward`) || row === `${name}, backward`,
    )
    assert.ok(one, row)
    assert.is(/\bhigh\b/.test(row), one!.precision === 'high', work)
  }
  const all = { micro: false, macro: false, quick: true, filter: [], cli: null, targets: true }
  const chosen = chooseCases(all)
  const names = [...chosen.micro, ...chosen.macro].map(({ name }) => name)
  assert.ok(names.every(isTargetCase))
  assert.is(new Set(names).size, new Set(targets.map(({ row }) => row.replace(/, (forward|backward)$/, ''))).size)
  assert.equal([chosen.startup, chosen.host], [[], []])
})

test('values come from the row of the name, in TFLOP/s, ms or GiB; the table says what is missing and why', () => {
  const [product] = targets
  const of = (work: string) => targets.find((one) => one.work === work)!
  const rows = [micro(product.row, spread(1, 1, 1), 300e9), macro('step:vit-b-512-high', 40, 4.5 * 2 ** 30)]
  rows.push(macro('step:vit-b-512-f16-high', 45, 2.5 * 2 ** 30))
  assert.is(measured(product, rows), 300)
  assert.is(measured(of('the same, high'), rows), 40)
  assert.is(measured(of('memory of that step, f16 storage, nothing recomputed'), rows), 2.5)
  assert.is(measured(of('encoder ViT-B 1024, high'), rows), null)
  const table = targetTable({ ...file(rows), skipped: [{ name: 'encoder:vit-b-1024-high', why: 'out of memory' }] })
  assert.match(table, /product, high, 4096³ .* 300 TFLOP\/s +300 TFLOP\/s +430 TFLOP\/s +reached/)
  assert.match(table, /the same, high +291 ms +40 ms +45 ms +30 ms +reached/)
  assert.match(table, /encoder ViT-B 1024, high +61 ms +– +15 ms +8 ms +not measured/)
  assert.match(table, 'not measured: encoder:vit-b-1024-high: out of memory')
})

test('rates reach a target from below, times and memory from above', () => {
  const goal = (unit: Target['unit'], target: number, stretch: number): Target => {
    return { work: '', row: '', unit, before: null, target, stretch }
  }
  const rate = goal('TFLOP/s', 100, 150)
  assert.equal(
    [50, 100, 150].map((value) => verdict(rate, value)),
    ['2.0 times off', 'reached', 'beyond the stretch target'],
  )
  const time = goal('ms', 100, 50)
  assert.equal(
    [250, 100, 50].map((value) => verdict(time, value)),
    ['2.5 times off', 'reached', 'beyond the stretch target'],
  )
})

test.run()
