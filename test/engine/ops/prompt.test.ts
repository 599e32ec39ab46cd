import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { densePosition, promptTokens } from '../../../engine/ops/prompt'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'

const DIM = 26
const HALF = DIM / 2
// larger than in a checkpoint: arguments of several periods, so that an inaccurate sine of large arguments would show
const gaussian = randomArray(1, DIM, 8)
const embeddings = randomArray(2, 4 * DIM)
const notAPoint = randomArray(3, DIM)

function encode(x: number, y: number, width: number, height: number): number[] {
  const cx = (2 * (x + 0.5)) / width - 1
  const cy = (2 * (y + 0.5)) / height - 1
  const angles = Array.from({ length: HALF }, (_, k) => 2 * Math.PI * (cx * gaussian[k] + cy * gaussian[HALF + k]))
  return [...angles.map(Math.sin), ...angles.map(Math.cos)]
}

/** The largest absolute difference; NaN if either array contains NaN. */
const worst = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  a.length === b.length ? Array.from(a).reduce((m, v, i) => Math.max(m, Math.abs(v - b[i])), 0) : NaN

async function tokens(coords: Float32Array, labels: Int32Array, prompts: number, inputSize: number) {
  const points = labels.length / prompts
  const g = new Graph(engine)
  const t = {
    coords: g.input('coords', [prompts, points, 2]),
    labels: g.input('labels', [prompts, points]),
    gaussian: g.input('gaussian', [2, HALF]),
    pointEmbeddings: g.input('embeddings', [4, DIM]),
    notAPoint: g.input('not a point', [1, DIM]),
  }
  const out = g.keep(promptTokens(g, { ...t, inputSize }))
  const program = await g.compile()
  program.poison()
  program.write(t.coords, coords)
  program.write(t.labels, labels)
  program.write(t.gaussian, gaussian)
  program.write(t.pointEmbeddings, embeddings)
  program.write(t.notAPoint, notAPoint)
  program.run()
  const result = await program.read(out)
  program.destroy()
  assert.equal(out.shape, [prompts, points, DIM])
  return result
}

test('every label, at any input size', async () => {
  for (const size of [64, 1000, 1024]) {
    const labels = new Int32Array([0, 1, 2, 3, -1, -2, 1, 0, -2, 7])
    const coords = randomArray(5, 20, size / 2).map((v) => v + size / 2)
    coords.set([0, 0, size - 1, size - 1], 0)
    coords.set([NaN, Infinity], 10)
    const expected = Array.from(labels, (label, i) => {
      if (label === -1) return [...notAPoint]
      if (label < 0 || label > 3) return new Array<number>(DIM).fill(0)
      return encode(coords[2 * i], coords[2 * i + 1], size, size).map((v, d) => v + embeddings[label * DIM + d])
    }).flat()
    const error = worst(await tokens(coords, labels, 2, size), expected)
    assert.ok(error < 1e-5, `size ${size}: off by ${error}`)
  }
})

test('a point in the middle of a pixel and x before y, by hand', async () => {
  // at the input's centre 2c - 1 = 0: every sine is 0, every cosine 1
  const got = await tokens(new Float32Array([31.5, 31.5]), new Int32Array([0]), 1, 64)
  for (let d = 0; d < DIM; d++) assert.ok(Math.abs(got[d] - embeddings[d] - (d < HALF ? 0 : 1)) < 1e-6)
  // on the middle row only the first row of the matrix, that of x, counts: 2c - 1 = 1/64
  const right = await tokens(new Float32Array([32, 31.5]), new Int32Array([3]), 1, 64)
  const expected = Math.sin((2 * Math.PI * gaussian[0]) / 64) + embeddings[3 * DIM]
  assert.ok(Math.abs(right[0] - expected) < 1e-6)
})

test('the dense grid, not square', async () => {
  const g = new Graph(engine)
  const matrix = g.input('gaussian', [2, HALF])
  const [height, width] = [5, 7]
  const out = g.keep(densePosition(g, { height, width, gaussian: matrix }))
  assert.equal(out.shape, [height * width, DIM])
  const program = await g.compile()
  program.poison()
  program.write(matrix, gaussian)
  program.run()
  const expected = Array.from({ length: height * width }, (_, i) =>
    encode(i % width, Math.floor(i / width), width, height),
  )
  const error = worst(await program.read(out), expected.flat())
  assert.ok(error < 1e-5, `off by ${error}`)
  program.destroy()
})

test('shapes that do not fit are refused', () => {
  const g = new Graph(engine)
  const t = (...shape: number[]) => g.input('t', shape)
  const good = {
    coords: t(2, 3, 2),
    labels: t(2, 3),
    inputSize: 64,
    gaussian: t(2, 8),
    pointEmbeddings: t(4, 16),
    notAPoint: t(16),
  }
  assert.throws(() => promptTokens(g, { ...good, coords: t(6, 2) }), /coords/)
  assert.throws(() => promptTokens(g, { ...good, labels: t(2, 2) }), /labels/)
  assert.throws(() => promptTokens(g, { ...good, notAPoint: t(8) }), /embeddings/)
  assert.throws(() => densePosition(g, { height: 2, width: 2, gaussian: t(16) }), /matrix/)
})

test.run()
