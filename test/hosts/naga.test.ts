/**
 * @file Every shader in naga, the compiler of Firefox and Deno: Deno's WebGPU (wgpu) makes a pipeline of each entry point, with all
 * values of its constants. Dawn's compiler, Tint, is tested by test/shaders.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findHost } from '../../scripts/find-tools.mjs'
import { loadShader } from '../../scripts/wgsl-plugin.mjs'
import { testNeeding } from '../support/needs'

/** Of elementwise kernels: 1 exact GELU, 2 ReLU, 3 sigmoid. */
const ELEMENTWISE = [0, 1].flatMap((accumulate) => [1, 2, 3].map((activation) => ({ accumulate, activation })))
/** Values of the constants that are chosen when a pipeline is made. */
const CONSTANTS: Record<string, Record<string, number>[]> = {
  'attention-shared': [1, 2, 3, 4].map((blocks) => ({ blocks })),
  'attention-wide': [1, 2].map((blocks) => ({ blocks })),
  layernorm: [0, 1].map((measured) => ({ measured })),
  'mask-loss': [0, 1].map((weighted) => ({ weighted })),
  pointwise: ELEMENTWISE,
  pointwise4: ELEMENTWISE,
}
const TIME_LIMIT_MS = 240_000

/** Kernels for matrix units need a feature of Chromium that naga does not know; they are never chosen without it. */
const shaders = readdirSync('shaders')
  .filter((file) => file.endsWith('.wgsl') && !/\bmatrix\b/.test(file))
  .map((file) => loadShader(`shaders/${file}`))
  .map(({ name, code, entries }) => ({
    name,
    // naga has subgroups, and does not know this line yet: gfx-rs/wgpu#5555
    code: code.replace('enable subgroups;', ''),
    subgroups: code.includes('enable subgroups;'),
    entries: Object.keys(entries),
    constants: CONSTANTS[name] ?? [{}],
  }))

/** Runs in Deno: prints what does not compile, and the number of pipelines that do. */
const PROGRAM = `
const shaders = JSON.parse(Deno.readTextFileSync(Deno.args[0]))
const adapter = await navigator.gpu.requestAdapter()
const plain = await adapter.requestDevice()
const hasSubgroups = adapter.features.has('subgroups')
const other = hasSubgroups ? await (await navigator.gpu.requestAdapter()).requestDevice({ requiredFeatures: ['subgroups'] }) : null
const problems = [], skipped = []
let pipelines = 0
for (const { name, code, subgroups, entries, constants } of shaders) {
  const device = subgroups ? other : plain
  if (!device) { skipped.push(name); continue }
  device.pushErrorScope('validation')
  const module = device.createShaderModule({ label: name, code })
  const moduleError = await device.popErrorScope()
  if (moduleError) { problems.push(name + ': ' + moduleError.message); continue }
  for (const entryPoint of entries) for (const values of constants) {
    try {
      await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint, constants: values } })
      pipelines++
    } catch (error) { problems.push(name + '/' + entryPoint + ' ' + JSON.stringify(values) + ': ' + error.message) }
  }
}
console.log(JSON.stringify({ problems, skipped, pipelines }))
Deno.exit(0)
`

test('all constants of shaders are listed here', () => {
  const withConstants = shaders.filter(({ code }) => /^\s*override\s/m.test(code)).map(({ name }) => name)
  assert.equal(withConstants.sort(), Object.keys(CONSTANTS).sort())
})

const deno = findHost('deno')
testNeeding('deno', deno ? null : 'deno is not installed (`npm run test:hosts` installs it)')(
  'naga compiles every shader, with all values of its constants',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wgsam-naga-'))
    try {
      writeFileSync(join(folder, 'shaders.json'), JSON.stringify(shaders))
      writeFileSync(join(folder, 'main.mjs'), PROGRAM)
      const args = ['run', '--allow-all', join(folder, 'main.mjs'), join(folder, 'shaders.json')]
      const { stdout } = await promisify(execFile)(deno!, args, { timeout: TIME_LIMIT_MS, maxBuffer: 1 << 24 })
      const { problems, skipped, pipelines } = JSON.parse(stdout.trim().split('\n').at(-1)!)
      assert.equal(problems, [])
      // where the adapter has no subgroups, nothing chooses these two
      assert.ok(
        skipped.every((name: string) => name.endsWith('-subgroup')),
        skipped.join(),
      )
      const expected = shaders.filter(({ name }) => !skipped.includes(name))
      assert.is(
        pipelines,
        expected.reduce((sum, { entries, constants }) => sum + entries.length * constants.length, 0),
      )
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)

const naga = await promisify(execFile)('naga', ['--version']).then(
  () => null,
  () => 'the program naga (cargo install naga-cli) is not in PATH',
)
testNeeding('naga', naga)('naga itself accepts every shader, those with subgroups too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wgsam-naga-'))
  try {
    for (const { name, code } of shaders) {
      const path = join(folder, `${name}.wgsl`)
      writeFileSync(path, code)
      const { stdout, stderr } = await promisify(execFile)('naga', [path])
      assert.match(stdout + stderr, 'Validation successful', name)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test.run()
