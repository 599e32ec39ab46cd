/** @file Files that other programs write: h5py and ncempy in Python. WGSAM_MICROSCOPE_PYTHON names a Python with both. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readMicrograph } from '../../../src/images/micrograph'
import { dmImage, dmWith } from '../../support/dm-files'
import { testNeeding } from '../../support/needs'

const python = process.env.WGSAM_MICROSCOPE_PYTHON
const testing = testNeeding('hdf5', python ? null : 'WGSAM_MICROSCOPE_PYTHON names no Python with h5py and ncempy')

const scratch = await mkdtemp(join(tmpdir(), 'wgsam-microscope-'))
test.after(() => rm(scratch, { recursive: true }))
const run = (code: string, ...args: string[]) => execFileSync(python!, ['-c', code, ...args], { encoding: 'utf8' })

testing('compressed chunks of h5py in the layout of Velox, and a file of ncempy', async () => {
  const [velox, ncem] = ['velox.emd', 'ncem.emd'].map((name) => join(scratch, name))
  run(
    `
import sys, json, numpy as np, h5py
from ncempy.io import emd
w, h, n = 40, 30, 3
a = (np.arange(h * w * n) % 60000).astype('u2').reshape(h, w, n)
with h5py.File(sys.argv[1], 'w') as f:
    g = f.create_group('Data/Image/0123abc')
    g.create_dataset('Data', data=a, chunks=(10, 10, 1), compression='gzip', shuffle=True)
    m = np.zeros((65536, n), 'u1')
    t = json.dumps({'BinaryResult': {'PixelSize': {'width': '3.3e-10', 'height': '3.3e-10'}, 'PixelUnitX': 'm', 'PixelUnitY': 'm'}}).encode()
    for i in range(n): m[:len(t), i] = list(t)
    g.create_dataset('Metadata', data=m, chunks=(65536, 1))
e = emd.fileEMD(sys.argv[2], readonly=False)
x = (np.arange(h * w, dtype='f4') / 8).reshape(h, w)
e.put_emdgroup('image', x, ((np.arange(h) * 0.5, 'y', '[n_m]'), (np.arange(w) * 0.5, 'x', '[n_m]')))
del e
`,
    velox,
    ncem,
  )
  const one = await readMicrograph(velox, { page: 1 })
  assert.equal([one.image.width, one.image.height, one.pages, one.pixelSize?.metres], [40, 30, 3, 3.3e-10])
  assert.equal(
    [...one.image.data],
    Array.from({ length: 1200 }, (_, i) => 3 * i + 1),
  )
  const two = await readMicrograph(ncem)
  assert.equal([two.image.width, two.image.height, two.pages, two.pixelSize?.metres], [40, 30, 1, 5e-10])
  assert.equal(
    [...two.image.data],
    Array.from({ length: 1200 }, (_, i) => i / 8),
  )
})

testing('ncempy reads the same values and pixel size from the DM files of our tests', async () => {
  const bytes = Buffer.alloc(2 * 15)
  for (let i = 0; i < 15; i++) bytes.writeInt16LE(i * 100 - 700, 2 * i)
  const scale: [number, string][] = [
    [0.25, 'nm'],
    [0.25, 'nm'],
  ]
  for (const version of [3, 4] as const) {
    const path = join(scratch, `image.dm${version}`)
    await writeFile(path, dmWith(version, dmImage({ sides: [5, 3], dataType: 1, numbers: 2, bytes, scale })))
    const theirs = JSON.parse(
      run(
        `
import sys, json
from ncempy.io import dm
f = dm.fileDM(sys.argv[1])
print(json.dumps([f.getDataset(1)['data'].tolist(), [float(s) for s in f.scale], f.scaleUnit]))
`,
        path,
      ),
    )
    const { image, pixelSize } = await readMicrograph(path)
    const rows = [0, 1, 2].map((y) => [...image.data.subarray(5 * y, 5 * y + 5)])
    assert.equal(theirs, [rows, [0.25, 0.25], ['nm', 'nm']])
    assert.is(pixelSize?.metres, 2.5e-10)
  }
})

test.run()
