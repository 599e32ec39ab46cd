/** @file Small EMD files (HDF5) as Velox and NCEM lay them out, for the fuzzer: written by h5wasm, an optional package. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Writable {
  create_group(name: string): Writable
  create_dataset(args: { name: string; data: unknown; shape?: number[]; dtype?: string }): Writable
  create_attribute(name: string, value: unknown): void
}

const [height, width] = [5, 7]
const values = Uint16Array.from({ length: width * height }, (_, i) => (i * 997) % 60_000)

function velox(root: Writable): void {
  const image = root.create_group('Data').create_group('Image').create_group('0a')
  image.create_dataset({ name: 'Data', data: values, shape: [height, width, 1], dtype: '<H' })
  const text = JSON.stringify({ BinaryResult: { PixelSize: { width: '2e-9', height: '2e-9' }, PixelUnitX: 'm', PixelUnitY: 'm' } }) // prettier-ignore
  const metadata = new Uint8Array(512)
  metadata.set(Buffer.from(text))
  image.create_dataset({ name: 'Metadata', data: metadata, shape: [512, 1], dtype: '<B' })
}

function ncem(root: Writable): void {
  const group = root.create_group('data').create_group('image')
  group.create_attribute('emd_group_type', 1)
  group.create_dataset({ name: 'data', data: Float32Array.from(values), shape: [height, width], dtype: '<f' })
  for (const [i, side] of [height, width].entries()) {
    const axis = {
      name: `dim${i + 1}`,
      data: Float32Array.from({ length: side }, (_, k) => 2 * k),
      shape: [side],
      dtype: '<f',
    }
    group.create_dataset(axis).create_attribute('units', '[n_m]')
  }
}

const name = 'h5wasm/node'
const library = await import(name).then(
  (all) => all.default,
  () => null,
)

/** True if h5wasm is installed. */
export const canWriteEmd = library !== null

/** One file of each layout. @throws Error if h5wasm is not installed */
export async function emdFiles(): Promise<Uint8Array[]> {
  await library.ready
  const folder = mkdtempSync(join(tmpdir(), 'wgsam-emd-'))
  try {
    return [velox, ncem].map((fill, i) => {
      const path = join(folder, `${i}.emd`)
      const root = new library.File(path, 'w') as Writable & { close(): void }
      fill(root)
      root.close()
      return readFileSync(path)
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
