/**
 * Every kernel on the least device there is: Dawn without a GPU (its null backend), with WebGPU's default limits, which are
 * the floor wgsam promises. Compiled and validated the way the engine does it; nothing is run.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readdirSync, readFileSync } from 'node:fs'
import { create, globals } from 'webgpu'
import { Engine } from '../../engine/device/engine'
import { MATRIX_FEATURES } from '../../engine/device/matrix-units'
import type { Shader } from '../../engine/device/shader'
import { MINIMUM_LIMITS } from '../../src/host/device-needs'
import { loadShader, reflect } from '../../scripts/wgsl-plugin.mjs'
import { compileForMatrixUnits, openNullEngine } from '../support/null-engine'

const gpu = create(['backend=null'])
// held until the process ends: the process crashes when create()'s object is collected
Object.assign(globalThis, globals, { gpu })
const adapter = await gpu.requestAdapter()
const device = await adapter!.requestDevice()
const floor = new Engine(device)

/** Bytes of workgroup memory of kernels that ask for the device's limit before they are used. */
const LARGE: Record<string, number> = { 'gemm-matrix-split3': 43008 }

async function compileAll(shader: Shader, engine: Engine = floor): Promise<void> {
  const entries = Object.keys(shader.entries)
  if (!entries.length) throw new Error(`${shader.name}.wgsl has no entry point`)
  const compile = (entry: string) =>
    engine === floor
      ? engine.pipeline(shader, entry)
      : compileForMatrixUnits(engine, shader, entry, {}, LARGE[shader.name])
  await Promise.all(entries.map(compile))
}

/** What naga, the compiler of Firefox and Deno, does not take, or the floor does not have. */
function beyondBaseline(code: string): string | undefined {
  const text = code.replace(/\/\/.*/g, '')
  return [/^\s*enable\s/m, /^\s*requires\s/m, /@diagnostic/, /:\s*ptr\s*<\s*(storage|workgroup)/, /\batomic\w*\s*[<(]/]
    .map((pattern) => pattern.exec(text)?.[0].trim())
    .find(Boolean)
}

/** Names of features in WGSL, where they differ. */
const WGSL_NAMES: Record<string, string> = {
  'shader-f16': 'f16',
  'chromium-experimental-subgroup-matrix': 'chromium_experimental_subgroup_matrix',
}

const files = readdirSync('shaders')
  .filter((f) => f.endsWith('.wgsl'))
  .sort()

/** Kernels that need features are variants in separate files; each has a form without them, for adapters with the lowest limits. */
function featuresOf(file: string): readonly string[] {
  if (/\bmatrix\b/.test(file)) return MATRIX_FEATURES
  return file.endsWith('-subgroup.wgsl') ? ['subgroups'] : []
}
/** A device with all the features that variants may need. */
const variants = await openNullEngine()

test('the device under test has exactly the floor', () => {
  for (const [name, value] of Object.entries(MINIMUM_LIMITS))
    assert.is(device.limits[name as keyof typeof MINIMUM_LIMITS], value, name)
  assert.ok(files.length > 0)
})

for (const file of files) {
  test(`${file} compiles within the floor's limits`, async () => {
    const shader = loadShader(`shaders/${file}`)
    const { code } = shader
    const features = featuresOf(file)
    await compileAll(shader, features.length ? variants : floor)
    const enables = features.map((feature) => `enable ${WGSL_NAMES[feature] ?? feature};`)
    assert.is(beyondBaseline(enables.reduce((text, enable) => text.replace(enable, ''), code)), undefined)
    assert.match(readFileSync(`shaders/${file}`, 'utf8'), /^\/\//, 'a header comment says what the kernels compute')
  })
}

test('every shared text has a header, and two shaders or more that use it', () => {
  const shaders = files.map((file) => loadShader(`shaders/${file}`))
  for (const file of readdirSync('shaders/lib')) {
    assert.match(readFileSync(`shaders/lib/${file}`, 'utf8'), /^\/\//, file)
    const users = shaders.filter(({ sources }) => sources.some((source) => source.file === `lib/${file}`))
    assert.ok(users.length >= 2, `${file}: ${users.length}`)
  }
})

const BUFFERS = Array.from(
  { length: 9 },
  (_, i) => `@group(0) @binding(${i}) var<storage, read_write> b${i}: array<f32>;`,
)
const USES = BUFFERS.map((_, i) => `b${i}[0] = 1;`)
const main = (size: number, body: string) => `@compute @workgroup_size(${size}) fn main() { ${body} }`
const bad: Record<string, [string, RegExp]> = {
  'an unknown name': [main(64, 'let a = nowhere;'), /nowhere/],
  '257 invocations': [main(257, ''), /257/],
  '9 storage buffers': [`${BUFFERS.join('\n')}\n${main(1, USES.join(' '))}`, /9/],
  'over 16 KiB of workgroup memory': [`var<workgroup> w: array<f32, 4097>;\n${main(64, 'w[0] = 1;')}`, /1638\d|16400/],
}
for (const [what, [code, message]] of Object.entries(bad)) {
  test(`${what} is refused`, async () => {
    let text = ''
    await compileAll(reflect(code, what)).catch((error: Error) => (text = error.message))
    assert.match(text, message)
  })
}

test('text beyond the baseline is found, comments are not', () => {
  assert.is(beyondBaseline('enable f16;'), 'enable')
  assert.is(beyondBaseline('fn f(p: ptr<workgroup, f32>) {}'), ': ptr<workgroup')
  assert.is(beyondBaseline('// enable f16;\nfn f(p: ptr<function, f32>) {}'), undefined)
})

test.after(() => {
  floor.destroy()
  variants.destroy()
})
test.run()
