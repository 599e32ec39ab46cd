import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { type Resize, resizeBilinear } from '../../../engine/ops/resize'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'

/** The two pixels that output o reads and the weight of the second. */
function taps(o: number, size: number, to: number): [number, number, number] {
  const position = Math.max(0, ((o + 0.5) * size) / to - 0.5)
  const first = Math.min(Math.floor(position), size - 1)
  return [first, Math.min(first + 1, size - 1), position - first]
}

function reference(x: Float64Array, r: Resize, channels: number): Float64Array {
  const y = new Float64Array(r.batch * r.outHeight * r.outWidth * channels)
  let at = 0
  for (let b = 0; b < r.batch; b++)
    for (let oy = 0; oy < r.outHeight; oy++)
      for (let ox = 0; ox < r.outWidth; ox++)
        for (let c = 0; c < channels; c++) {
          const [y0, y1, wy] = taps(oy, r.height, r.outHeight)
          const [x0, x1, wx] = taps(ox, r.width, r.outWidth)
          const v = (row: number, column: number) => x[((b * r.height + row) * r.width + column) * channels + c]
          y[at++] = (v(y0, x0) * (1 - wx) + v(y0, x1) * wx) * (1 - wy) + (v(y1, x0) * (1 - wx) + v(y1, x1) * wx) * wy
        }
  return y
}

for (const [batch, height, width, outHeight, outWidth, channels] of [
  [2, 4, 4, 16, 16, 3],
  [1, 5, 7, 13, 9, 4],
  [1, 13, 9, 5, 7, 2],
  [2, 6, 5, 6, 5, 1],
  [1, 1, 1, 4, 3, 2],
  [1, 9, 11, 1, 1, 1],
  [1, 3, 64, 70, 31, 1],
  [1, 4, 6, 3, 8, 256],
])
  test(`${batch}x${height}x${width}x${channels} to ${outHeight}x${outWidth}`, async () => {
    const sizes = { batch, height, width, outHeight, outWidth }
    await checkOp({
      inputs: { x: { shape: [batch * height * width, channels], grad: true } },
      build: (g, { x }) => resizeBilinear(g, x, sizes),
      reference: ({ x }) => reference(x, sizes, channels),
    })
  })

test('2x2 pixels enlarged to 4x4 have the values that PyTorch computes', async () => {
  const g = new Graph(engine)
  const x = g.input('x', [4, 1])
  const y = g.keep(resizeBilinear(g, x, { batch: 1, height: 2, width: 2, outHeight: 4, outWidth: 4 }))
  const program = await g.compile()
  program.write(x, Float32Array.of(0, 1, 2, 3))
  program.run()
  assert.equal(
    [...(await program.read(y))],
    [0, 0.25, 0.75, 1, 0.5, 0.75, 1.25, 1.5, 1.5, 1.75, 2.25, 2.5, 2, 2.25, 2.75, 3],
  )
})

test('what does not fit is refused', () => {
  const g = new Graph({ maxBinding: 1e9 } as never)
  const sizes = { batch: 1, height: 2, width: 3, outHeight: 4, outWidth: 4 }
  assert.throws(() => resizeBilinear(g, g.tensor('x', [7]), sizes), /x \[7\] is not 1 images of 2x3/)
  assert.throws(() => resizeBilinear(g, g.tensor('x', [6]), { ...sizes, outWidth: 20000 }), /sides up to 16384/)
})

test.run()
