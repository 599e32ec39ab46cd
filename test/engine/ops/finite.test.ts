import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { FOUND_SIZE, decodeFound, finiteCheck, foundTotal, groupsFor, inspect } from '../../../engine/ops/finite'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'

/** What was found, of `runs` runs. */
async function check(
  gradients: Float32Array[],
  values: Float32Array[] = gradients.map((x) => new Float32Array(x.length)),
  runs = 1,
) {
  const g = new Graph(engine)
  const input = (kind: string) => (data: Float32Array, i: number) => g.input(`${kind} ${i}`, [data.length])
  const [a, b] = [gradients.map(input('gradients')), values.map(input('values'))]
  const total = g.keep(
    finiteCheck(
      g,
      a.map((x, i) => ({ gradients: x, values: b[i] })),
    ),
  )
  const program = await g.compile()
  const results = []
  for (let run = 0; run < runs; run++) {
    program.poison()
    gradients.forEach((data, i) => program.write(a[i], data))
    values.forEach((data, i) => program.write(b[i], data))
    program.run()
    results.push(decode(await program.read(total)))
  }
  program.destroy()
  return results
}

const decode = (found: Float32Array) => ({ squares: found[0], ...decodeFound(found) })

/** Records `inspect` of tensors of these sizes; returns a function that runs it on several micro-batches. */
async function inspector(sizes: number[]) {
  const g = new Graph(engine)
  const place = g.input('place', [1])
  const tensors = sizes.map((size, i) => g.input(`x${i}`, [size]))
  const groups = tensors.map(groupsFor)
  const parts = g.input('parts', [groups.reduce((a, b) => a + b), FOUND_SIZE])
  let first = 0
  tensors.forEach((x, source) => {
    inspect(g, x, { parts, first, source, microBatch: place })
    first += groups[source]
  })
  const total = g.keep(finiteCheck(g, [{ gradients: g.input('none', [4]), values: g.input('none', [4]) }], parts))
  const alone = g.keep(foundTotal(g, parts))
  const program = await g.compile()
  return {
    async run(microBatches: Float32Array[][]) {
      program.write(parts, new Float32Array(parts.size))
      microBatches.forEach((arrays, i) => {
        program.write(place, Uint32Array.of(i))
        arrays.forEach((data, j) => program.write(tensors[j], data))
        program.run()
      })
      const found = decodeFound(await program.read(total))
      assert.equal(decodeFound(await program.read(alone)), found)
      return found
    },
    end: () => program.destroy(),
  }
}

const squares = (arrays: Float32Array[]) =>
  arrays.reduce((sum, data) => data.reduce((s, x) => s + (Number.isFinite(x) ? x * x : 0), sum), 0)

test('counts NaN and both infinities among finite gradients, over tensors of any size, and sums squares', async () => {
  const largest = 3.4028234e38
  for (const sizes of [[4], [256, 4096], [70004, 4, 2_200_004]]) {
    const arrays = sizes.map((size, i) => randomArray(i + 1, size))
    const [none] = await check(arrays)
    const expected = squares(arrays)
    assert.equal([none.count, none.first], [0, null])
    assert.ok(Math.abs(none.squares - expected) < 1e-6 * expected, `${none.squares} for ${expected}`)
    const last = arrays[arrays.length - 1]
    last[last.length - 1] = NaN
    const end = sizes.reduce((a, b) => a + b) - 1
    assert.equal((await check(arrays))[0].first, { kind: 'gradient', index: end })
    arrays[0][1] = -Infinity
    const [bad] = await check(arrays)
    assert.equal([bad.count, bad.first], [2, { kind: 'gradient', index: 1 }])
    assert.ok(Math.abs(bad.squares - squares(arrays)) <= 1e-6 * squares(arrays))
    // a value that is not finite comes before any gradient
    const values = sizes.map((size) => randomArray(9, size))
    values[values.length - 1][2] = NaN
    const [worse] = await check(arrays, values)
    assert.equal([worse.count, worse.first], [3, { kind: 'value', index: end + 1 - sizes[sizes.length - 1] + 2 }])
    assert.is(worse.squares, bad.squares)
  }
  const edges = Float32Array.of(Infinity, 0, -0, 1e-45, NaN, -NaN, -Infinity, 1)
  assert.is((await check([edges]))[0].count, 4)
  // the largest number is finite although its square is not
  assert.is((await check([Float32Array.of(largest, -largest, 0, 0)]))[0].count, 0)
  assert.throws(() => finiteCheck(new Graph(engine), []), /no tensor/)
})

test('inspected tensors of any size tell which micro-batch, tensor and element came first', async () => {
  const sizes = [1, 3, 4, 7, 4096, 150_003]
  const own = await inspector(sizes)
  const fine = sizes.map((size, i) => randomArray(20 + i, size))
  const copy = () => fine.map((data) => data.slice())
  assert.equal(await own.run([fine, fine]), { count: 0, first: null })
  for (const [source, size] of sizes.entries())
    for (const index of new Set([0, size >> 1, size - 1])) {
      const second = copy()
      second[source][index] = NaN
      const place = { kind: 'inspected', microBatch: 1, source, index }
      assert.equal(await own.run([fine, second, fine]), { count: 1, first: place })
    }
  const [first, second] = [copy(), copy()]
  first[5].fill(-Infinity, 70_000)
  second[0][0] = NaN
  second[5].fill(NaN)
  const place = { kind: 'inspected', microBatch: 0, source: 5, index: 70_000 }
  assert.equal(await own.run([first, second]), { count: 2 * 150_003 - 70_000 + 1, first: place })
  own.end()
})

test('the same bits on every run', async () => {
  const [a, b] = await check([randomArray(7, 300_004)], undefined, 2)
  assert.equal(a, b)
})

test.run()
