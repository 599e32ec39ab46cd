/** @file The extrapolation to many ranks: its arithmetic, and that docs/cluster.md has its table. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exchangeSeconds, gradientBytes, scaling, scalingTable } from '../../bench/scaling'

const near = (value: number, expected: number) => assert.ok(Math.abs(value - expected) < 1e-12 * Math.abs(expected))
const cluster = { latency: 1e-3, bandwidth: 1e6, hostRate: 2e6 }

test('bytes of an adapter: A and B of each layer, in f32', () => {
  assert.is(gradientBytes({ blocks: 1, width: 10, rank: 1, layers: [[1, 1]] }), 4 * (10 + 10))
  assert.is(gradientBytes({ blocks: 3, width: 8, rank: 2, layers: [[1, 4]] }), 4 * 3 * 2 * (8 + 32))
})

test('one rank exchanges nothing; two send half of the gradients twice', () => {
  assert.is(exchangeSeconds(1e6, 1, cluster), 0)
  near(exchangeSeconds(1e6, 2, cluster), 2 * (1e-3 + 0.5) + 0.5)
  near(exchangeSeconds(1e6, 4, cluster), 6 * (1e-3 + 0.25) + 0.5)
  // the bytes of a rank approach twice the gradients, the messages grow with the ranks
  near(exchangeSeconds(0, 512, cluster), 1022e-3)
})

test('efficiency: what of the time is not the exchange', () => {
  const { step, rate, efficiency } = scaling(0.1, 5, 1e6, 2, cluster)
  near(step, 0.5 + 1.502)
  near(rate, 10 / 2.002)
  near(efficiency, 0.5 / 2.002)
  near(scaling(0.1, 5, 1e6, 1, cluster).efficiency, 1)
})

test('docs/cluster.md has the table', () => {
  // a formatter aligns the columns
  const cells = (text: string) => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---')
  assert.ok(cells(readFileSync('docs/cluster.md', 'utf8')).includes(cells(scalingTable())), scalingTable())
})

test.run()
