/** Which adapters count as software adapters: the engine, training, `wgsam doctor` and the reports all ask this predicate. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../../engine/device/engine'
import { planningDevice } from '../../../engine/device/planning-device'
import { isSoftwareAdapter } from '../../../engine/device/software-adapter'

const infoOf = (info: Partial<GPUAdapterInfo>): GPUAdapterInfo =>
  ({ vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false, ...info }) as GPUAdapterInfo

const software: Partial<GPUAdapterInfo>[] = [
  { vendor: 'mesa', device: 'llvmpipe (LLVM 15.0.6, 256 bits)', isFallbackAdapter: true },
  { vendor: 'mesa', device: 'llvmpipe (LLVM 15.0.6, 256 bits)' },
  { vendor: 'google', architecture: 'swiftshader' },
  { vendor: 'google', description: 'SwiftShader Device (Subzero)' },
  { vendor: 'microsoft', description: 'Microsoft Basic Render Driver' },
  { vendor: 'microsoft', device: 'a driver of an unknown name', isFallbackAdapter: true },
]
const gpus: Partial<GPUAdapterInfo>[] = [
  { vendor: 'nvidia', architecture: 'hopper', device: 'NVIDIA H100' },
  { vendor: 'intel', architecture: 'xe-2lpg', description: 'Intel(R) Arc(TM) Graphics' },
  { vendor: 'microsoft', description: 'Microsoft Direct3D12 (NVIDIA GeForce RTX 4070)' },
  {},
]

test('fallback adapters and the known software drivers are software adapters, GPUs are not', () => {
  for (const info of software) assert.is(isSoftwareAdapter(infoOf(info)), true, JSON.stringify(info))
  for (const info of gpus) assert.is(isSoftwareAdapter(infoOf(info)), false, JSON.stringify(info))
  assert.is(isSoftwareAdapter(undefined), false)
})

test('the engine of such an adapter uses the kernels for processors', () => {
  const limits = {} as GPUSupportedLimits
  const engineOf = (info: Partial<GPUAdapterInfo>) =>
    new Engine(planningDevice({ limits, features: new Set(), adapterInfo: infoOf(info) }))
  for (const info of software) {
    const { software, variants } = engineOf(info)
    assert.is(software, true)
    assert.is(variants.matmul['nt large'], 'transposed')
  }
  for (const info of gpus) {
    const { software, variants } = engineOf(info)
    assert.is(software, false)
    assert.is(variants.matmul['nt large'], 'shared-large')
  }
})

test.run()
