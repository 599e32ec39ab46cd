import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { finiteCheck } from '../../../engine/ops/finite'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'

async function check(arrays: Float32Array[], runs = 1): Promise<Float32Array[]> {
  const g = new Graph(engine)
  const tensors = arrays.map(({ length }, i) => g.input(`x${i}`, [length]))
  const sums = g.keep(finiteCheck(g, tensors))
  const program = await g.compile()
  const results: Float32Array[] = []
  for (let run = 0; run < runs; run++) {
    program.poison()
    arrays.forEach((data, i) => program.write(tensors[i], data))
    program.run()
    results.push(await program.read(sums))
  }
  program.destroy()
  return results
}

const squares = (arrays: Float32Array[]) =>
  arrays.reduce((sum, data) => data.reduce((s, x) => s + (Number.isFinite(x) ? x * x : 0), sum), 0)

test('counts NaN and both infinities among finite values, over tensors of any size', async () => {
  const largest = 3.4028234e38
  for (const sizes of [[1], [255, 4097], [70001, 3, 2_500_003]]) {
    const arrays = sizes.map((size, i) => randomArray(i + 1, size))
    const [[none, sum]] = await check(arrays)
    const expected = squares(arrays)
    assert.is(none, 0)
    assert.ok(Math.abs(sum - expected) < 1e-6 * expected, `${sum} for ${expected}`)
    const last = arrays[arrays.length - 1]
    last[last.length - 1] = NaN
    arrays[0][0] = -Infinity
    const [[bad, rest]] = await check(arrays)
    assert.is(bad, sizes.length === 1 && sizes[0] === 1 ? 1 : 2)
    assert.ok(Math.abs(rest - squares(arrays)) <= 1e-6 * squares(arrays))
  }
  const edges = Float32Array.of(Infinity, 0, -0, 1e-45, NaN, -NaN, -Infinity)
  assert.is((await check([edges]))[0][0], 4)
  // the largest number is finite although its square is not
  assert.is((await check([Float32Array.of(largest, -largest)]))[0][0], 0)
  assert.throws(() => finiteCheck(new Graph(engine), []), /no tensor/)
})

test('the same bits on every run', async () => {
  const [a, b] = await check([randomArray(7, 300_001)], 2)
  assert.equal(a, b)
})

test.run()
