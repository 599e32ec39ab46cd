/** @file The other libraries: messages if they are not installed, the ONNX models, and the comparison of results. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PeerCase, operandsOf, peerCases, toyCase } from '../../bench/peers/cases'
import { prepareOurs } from '../../bench/peers/ours'
import { channelsFirst, channelsLast, onnxModel } from '../../bench/peers/onnx-model'
import { runPeer, timesOf } from '../../bench/peers/peer'
import { difference } from '../../bench/peers/run'
import { fileSource } from '../../src/weights/open-file'
import { readOnnx } from '../../src/weights/onnx'
import { engine } from '../support/engine'

const folder = mkdtempSync(join(tmpdir(), 'wgsam-peers-test-'))

test('if the packages are missing and downloads are forbidden, the command says so', () => {
  const env = { ...process.env, WGSAM_CACHE: join(folder, 'empty'), WGSAM_NO_INSTALL: '1', WGSAM_DEBUG: '' }
  const args = ['dist/cli.js', 'bench', '--peers', '--filter', 'matmul', '--quick', '--out', join(folder, 'x.json')]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env })
  assert.is(status, 1)
  assert.match(stderr, /wgsam: no peer to compare with: .*tfjs-backend-webgpu@4\.22\.0 are not in .*WGSAM_NO_INSTALL=1/)
  assert.match(stderr, 'onnxruntime-node@1.30.0')
})

test('an ONNX model repeats the operation, on the stored operands', async () => {
  const path = join(folder, 'toy.onnx')
  writeFileSync(path, onnxModel(toyCase, 3))
  const { nodes, initialisers } = await readOnnx(await fileSource(path))
  assert.equal(
    nodes.map(({ op, inputs }) => [op, ...inputs]),
    Array.from({ length: 3 }, () => ['MatMul', 'a', 'b']),
  )
  const { a, b } = operandsOf(toyCase)
  for (const [name, operand] of Object.entries({ a, b })) {
    assert.equal(initialisers.get(name)!.shape, operand.shape)
    assert.equal(initialisers.get(name)!.data!(), operand.data)
  }
})

test('converting an image to channels first and back keeps its pixels', () => {
  const data = Float32Array.from({ length: 2 * 3 * 4 }, (_, i) => i)
  const first = channelsFirst({ shape: [2, 3, 4], data })
  assert.equal(first.shape, [1, 4, 2, 3])
  assert.equal([...first.data.subarray(0, 6)], [0, 4, 8, 12, 16, 20])
  assert.equal(channelsLast(first.data, 4), data)
})

test('our results are right for a small case of each operation', async () => {
  const gelu: PeerCase = { op: 'gelu', rows: 3, columns: 8, name: 'gelu', quick: true }
  const attention: PeerCase = { op: 'attention', side: 3, heads: 2, head: 4, name: 'attention', quick: true }
  for (const one of [toyCase, gelu, attention]) {
    const ready = await prepareOurs(engine, one)
    assert.ok(difference(await ready.result(), expected(one)) < 1e-5, one.name)
    await ready.release?.()
  }
})

function expected(one: PeerCase): Float32Array {
  const operands = operandsOf(one)
  if (one.op === 'gelu') {
    // the erf of small arguments by its series
    const erf = (x: number) => {
      let [sum, term] = [0, x]
      for (let n = 0; n < 60; n++) {
        sum += term / (2 * n + 1)
        term *= -(x * x) / (n + 1)
      }
      return (2 / Math.sqrt(Math.PI)) * sum
    }
    return operands.x.data.map((x) => 0.5 * x * (1 + erf(x / Math.SQRT2)))
  }
  if (one.op === 'attention') return attend(one, operands.q.data, operands.k.data, operands.v.data)
  if (one.op !== 'matmul') throw new Error('not in this test')
  const { m, n, k } = one
  return Float32Array.from({ length: m * n }, (_, i) => {
    let sum = 0
    for (let j = 0; j < k; j++) sum += operands.a.data[Math.floor(i / n) * k + j] * operands.b.data[j * n + (i % n)]
    return sum
  })
}

function attend(one: Extract<PeerCase, { op: 'attention' }>, q: Float32Array, k: Float32Array, v: Float32Array) {
  const [tokens, channels] = [one.side ** 2, one.heads * one.head]
  return Float32Array.from({ length: tokens * channels }, (_, i) => {
    const [row, column] = [Math.floor(i / channels), i % channels]
    const first = column - (column % one.head)
    let [sum, all] = [0, 0]
    for (let key = 0; key < tokens; key++) {
      let dot = 0
      for (let d = first; d < first + one.head; d++) dot += q[row * channels + d] * k[key * channels + d]
      const weight = Math.exp(dot / Math.sqrt(one.head))
      sum += weight * v[key * channels + column]
      all += weight
    }
    return sum / all
  })
}

test('the relative difference of results; results of different sizes never match', () => {
  const ours = Float32Array.of(3, 4)
  assert.is(difference(ours, ours), 0)
  assert.is(difference(Float32Array.of(3, 9), ours), 1)
  assert.is(difference(Float32Array.of(3), ours), Infinity)
  assert.is(difference(Float32Array.of(NaN, 4), ours), Infinity)
})

test('a case that fails in a peer is reported, and the next ones still run', async () => {
  const peer = {
    version: 'made@1',
    has: ({ op }: PeerCase) => op !== 'gelu',
    async prepare(one: PeerCase) {
      if (one.op === 'layernorm') throw new Error('no such operation\nmore')
      return { sample: async () => 30, result: async () => Float32Array.of(1) }
    },
  }
  const cases = ['matmul', 'gelu', 'layernorm'].map((op) => peerCases.find((one) => one.op === op)!)
  const { rows } = await runPeer(peer, cases, join(folder, 'made'), 0)
  assert.equal(
    rows.map(({ times, why }) => [times, why]),
    [
      [[30, 30, 30], undefined],
      [[], 'no such operation'],
    ],
  )
})

test('runs are added to a sample until it is long enough', async () => {
  const asked: number[] = []
  const times = await timesOf({ sample: async (n) => (asked.push(n), 1), result: async () => new Float32Array() }, 0)
  assert.equal(times, [1, 1, 1])
  assert.is(asked.at(-1), 64)
})

test.run()
