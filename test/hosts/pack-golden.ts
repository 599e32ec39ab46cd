/** @file Golden files as JSON for hosts that read no files, and the bundle that they run. */
import { readFile } from 'node:fs/promises'
import { build } from 'esbuild'
import { wgsl } from '../../scripts/wgsl-plugin.mjs'
import { inferArchitecture } from '../../src/weights/architecture'
import { openCheckpoint } from '../../src/weights/checkpoint'
import { type NumberArray, toFloat32 } from '../../src/weights/dtypes'
import { readSafetensors } from '../../src/weights/safetensors'
import type { HostFile, PackedTensor } from './host-run'

const pack = (shape: number[], data: NumberArray): PackedTensor => {
  const { buffer, byteOffset, byteLength } = toFloat32(data)
  return { shape, base64: Buffer.from(buffer, byteOffset, byteLength).toString('base64') }
}

/** A golden file of golden/files with its toy model. */
export async function packGolden(name: string): Promise<HostFile> {
  const stem = `golden/files/${name}`
  const config = JSON.parse(await readFile(`${stem}.json`, 'utf8'))
  const checkpoint = await openCheckpoint(`${stem}.pth`)
  const weights: Record<string, PackedTensor> = {}
  for (const [tensor, { shape, read }] of checkpoint.tensors) weights[tensor] = pack(shape, await read())
  const architecture = inferArchitecture(checkpoint, config)
  await checkpoint.close()
  const golden: Record<string, PackedTensor> = {}
  for (const [tensor, { shape, data }] of await readSafetensors<NumberArray>(`${stem}.golden.safetensors`))
    golden[tensor] = pack(shape, data)
  const { input = architecture.imageSize, lora = { r: 4, alpha: 8 } } = config
  return { name, architecture, size: input, lora, weights, golden }
}

/** Bundles a module of test/hosts for a host. */
export async function bundleFor(platform: 'browser' | 'node', contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: 'test/hosts', loader: 'ts' },
    platform,
    external: ['webgpu'],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    plugins: [wgsl()],
  })
  return outputFiles[0].text
}
