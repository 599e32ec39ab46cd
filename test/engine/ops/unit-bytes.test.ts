import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { fromUnitBytes, toUnitBytes, unpackUnitBytes } from '../../../engine/ops/unit-bytes'
import { engine } from '../../support/engine'
import { checkOp } from '../../support/check-op'

const every = Uint8Array.from({ length: 256 + 64 * 5 }, (_, i) => i % 256)

test('each byte stands for its multiple of 1/254, and 255 for none', () =>
  checkOp({
    inputs: { packed: { shape: [every.length / 4], data: new Uint32Array(every.buffer) } },
    build: (g, { packed }) => unpackUnitBytes(g, packed, [every.length / 8, 8]),
    reference: () => Float64Array.from(every, (byte) => (byte === 255 ? -1 : byte / 254)),
    tolerance: 1e-7,
  }))

test('the GPU and the host give the same bits; 0 and 1 are exact', async () => {
  const g = new Graph(engine)
  const packed = g.input('bytes', [every.length / 4])
  const numbers = g.keep(unpackUnitBytes(g, packed, [every.length]))
  const program = await g.compile()
  program.poison()
  program.write(packed, every)
  program.run()
  const host = fromUnitBytes(every)
  assert.equal(await program.read(numbers), host)
  assert.equal([host[0], host[254], host[255]], [0, 1, -1])
  program.destroy()
  assert.throws(() => unpackUnitBytes(g, packed, [3]), /\[3\] bytes are not the/)
})

test('a number becomes its nearest byte', () => {
  const numbers = Float32Array.from({ length: 1001 }, (_, i) => i / 1000)
  const back = fromUnitBytes(toUnitBytes(numbers))
  assert.ok(back.every((value, i) => Math.abs(value - numbers[i]) <= 0.5 / 254 + 1e-7))
  assert.equal(toUnitBytes(fromUnitBytes(every)), every)
})

test.run()
