/** @file The statistics of several runs, and the comparison of two result files. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compare, compareTable, readResults, verdictOf } from '../../bench/compare'
import { comparedFile } from '../../bench/results'
import { spreadOf } from '../../bench/statistics'
import * as v from 'valibot'
import { file, micro, spread } from '../support/bench-results'

test('median and quartiles lie between the times where they must', () => {
  assert.equal(spreadOf([7]), { median: 7, low: 7, high: 7, least: 7, runs: 1 })
  assert.equal(spreadOf([4, 1, 3, 2]), { median: 2.5, low: 1.75, high: 3.25, least: 1, runs: 4 })
  assert.equal(spreadOf([5, 1, 100, 2, 3]), { median: 3, low: 2, high: 5, least: 1, runs: 5 })
  assert.throws(() => spreadOf([]), 'nothing was timed')
})

test('a row is faster or slower only if the interquartile ranges do not overlap', () => {
  const before = spread(9, 10, 11)
  assert.is(verdictOf(before, spread(6, 7, 8)), 'faster')
  assert.is(verdictOf(before, spread(12, 13, 14)), 'slower')
  assert.is(verdictOf(before, spread(11, 12, 14)), 'within spread')
  assert.is(verdictOf(before, spread(8, 8.5, 9)), 'within spread')
  assert.is(verdictOf(before, spread(1, 1, 1, 2)), 'too few runs')
})

test('rows are matched by name and kind; ratios are after over before', () => {
  const before = file([micro('gemm', spread(9, 10, 11)), micro('gone', spread(1, 2, 3))])
  const after = file([micro('gemm', spread(4, 5, 6)), micro('new', spread(1, 2, 3))])
  const { rows, missing, added } = compare(v.parse(comparedFile, before), v.parse(comparedFile, after))
  assert.equal(rows, [{ name: 'gemm', before: 10, after: 5, ratio: 0.5, verdict: 'faster' }])
  assert.equal(missing, ['gone'])
  assert.equal(added, ['new'])
  const text = compareTable(
    v.parse(comparedFile, before),
    v.parse(comparedFile, { ...after, ...file(after.rows, 'another') }),
  )
  assert.match(text, '1 of 1 rows changed by more than their spread')
  assert.match(text, 'not the same adapter')
  assert.match(text, 'before only: gone')
})

test('a file of another kind is refused with its name', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wgsam-bench-'))
  const put = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const refusal = (path: string) =>
    readResults(path).then(
      () => '',
      (error: Error) => `${error.name}: ${error.message}`,
    )
  assert.match(
    await refusal(join(folder, 'absent.json')),
    /^UserError: .*absent\.json cannot be read: there is no such file/,
  )
  assert.match(await refusal(put('text.json', 'not json')), /UserError: .*is not JSON/)
  assert.match(
    await refusal(put('other.json', '{"format":"other"}')),
    /UserError: .*not a result file of this `wgsam bench`: format/,
  )
  const later = { ...file([]), version: 99 }
  assert.match(await refusal(put('later.json', JSON.stringify(later))), /UserError: .*: version/)
  const read = await readResults(put('own.json', JSON.stringify(file([micro('gemm', spread(1, 2, 3))]))))
  assert.is(read.rows[0].ms.median, 2)
})

test.run()
