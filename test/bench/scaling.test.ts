/** @file The extrapolation to many ranks: its arithmetic, and that docs/cluster.md has its table. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  exchangeSeconds,
  gradientBytes,
  groupsOf,
  networkTable,
  scaling,
  scalingTable,
  waitedSeconds,
} from '../../bench/scaling'

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

test('large gradients are exchanged in groups, each with its messages', () => {
  assert.is(groupsOf(1e6, 2), 1)
  assert.is(groupsOf(10e6, 2), 2)
  assert.is(groupsOf(75e6, 8), 12)
  assert.is(groupsOf(75e6, 512), 2)
  near(exchangeSeconds(75e6, 2, cluster), 2 * (12e-3 + 37.5) + 37.5)
})

test('what of an exchange is waited for: all of one group, the last of many, or what the backward pass is too short for', () => {
  near(waitedSeconds(0.3, 1, 10), 0.3)
  near(waitedSeconds(0.3, 3, 10), 0.1)
  near(waitedSeconds(10, 2, 4), 8)
})

test('efficiency: what of the time is not waiting', () => {
  // one group
  near(scaling(0.5, 1e6, 2, cluster).efficiency, 0.5 / 2.002)
  near(scaling(0.5, 1e6, 2, cluster).withoutOverlap, 0.5 / 2.002)
  // 12 groups in a backward pass that is too short for them
  const { step, exchange, waited, withoutOverlap } = scaling(30, 75e6, 2, cluster)
  near(waited, exchange - (20 * 11) / 12)
  near(step, 30 + waited)
  near(withoutOverlap, 30 / (30 + exchange))
  near(scaling(0.1, 1e6, 1, cluster).efficiency, 1)
})

test('docs/cluster.md has the tables', () => {
  // a formatter aligns the columns
  const cells = (text: string) => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---')
  const page = cells(readFileSync('docs/cluster.md', 'utf8'))
  for (const table of [scalingTable(), networkTable()]) assert.ok(page.includes(cells(table)), table)
})

test.run()
