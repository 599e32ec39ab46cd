/** Trying an adapter's matrix units: every way in which the process can end, and what is remembered of it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adapterKey, joinToggles } from '../../../src/host/dawn'
import { inProcess, matrixUnitsWanted, probeMatrixUnits, type ProbeReport } from '../../../src/host/matrix-probe'

const folder = await mkdtemp(join(tmpdir(), 'wgsam-probe-'))
test.after(() => rm(folder, { recursive: true }))

const info = (names: Partial<GPUAdapterInfo> = {}) =>
  ({ vendor: 'nvidia', architecture: '', device: 'card', description: 'NVIDIA: 580.1', ...names }) as GPUAdapterInfo
const works: ProbeReport = { adapter: adapterKey(info()), works: true, why: '' }

/** A new cache folder, and a probe that counts how often it runs. */
async function setup(report: ProbeReport = works) {
  const cache = await mkdtemp(join(folder, 'cache-'))
  const asked: (readonly string[] | undefined)[] = []
  const ask = (of = info(), again = false) =>
    probeMatrixUnits(
      of,
      { toggles: ['backend=vulkan'] },
      {
        cache,
        again,
        run: async ({ toggles }) => {
          asked.push(toggles)
          return report
        },
      },
    )
  return { cache, asked, ask, file: join(cache, 'matrix-units.json') }
}

const silence = console.error
test.before.each(() => void (console.error = () => {}))
test.after.each(() => void (console.error = silence))

test('an adapter is tried once for each driver, with the experimental features beside the toggles asked for', async () => {
  const { asked, ask } = await setup()
  for (let i = 0; i < 3; i++) assert.is((await ask()).works, true)
  assert.equal(asked, [['backend=vulkan', 'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia']])
  await ask(info({ description: 'NVIDIA: 581.0' }))
  assert.is(asked.length, 2, 'a new driver is tried')
  await ask(info({ description: 'NVIDIA: 581.0' }))
  await ask()
  assert.is(
    asked.length,
    3,
    'the report was of the old driver: not remembered for the new one, and the old one still is',
  )
})

test('a failure is remembered for a week, with its reason; doctor tries again', async () => {
  const { asked, ask, file, cache } = await setup({ adapter: '', works: false, why: 'the driver died' })
  const said: string[] = []
  console.error = (line: string) => void said.push(line)
  assert.is((await ask()).why, 'the driver died')
  assert.is((await ask()).why, 'the driver died')
  assert.is(asked.length, 1)
  assert.is(said.length, 1, 'the user is informed once')
  assert.match(said[0], 'the driver died')
  await ask(info(), true)
  assert.is(asked.length, 2)
  const all = JSON.parse(await readFile(file, 'utf8'))
  const [key] = Object.keys(all)
  all[key].tried = new Date(Date.now() - 8 * 24 * 3600 * 1000).toISOString()
  await writeFile(file, JSON.stringify(all))
  await ask()
  assert.is(asked.length, 3)
  assert.equal(await readdir(cache), ['matrix-units.json'], 'no temporary file is left')
})

test('a damaged file, or one of another version, counts as none; a folder that cannot be written costs only time', async () => {
  const { asked, ask, file, cache } = await setup()
  for (const text of ['', 'no JSON', '[]', '{"a":1}']) {
    await writeFile(file, text)
    assert.is((await ask()).works, true, text)
  }
  const known = JSON.parse(await readFile(file, 'utf8'))
  const [key] = Object.keys(known).filter((name) => name.startsWith('nvidia'))
  await writeFile(file, JSON.stringify({ [key]: { ...known[key], version: 0 } }))
  await ask()
  assert.is(asked.length, 5)
  await rm(file)
  await mkdir(file)
  assert.is((await ask()).works, true)
  await chmod(cache, 0o755)
})

test('no process is started for a software adapter, or if matrix units are turned off', async () => {
  const { asked, ask } = await setup()
  assert.match((await ask(info({ device: 'llvmpipe (LLVM 15)' }))).why, 'software')
  process.env.WGSAM_MATRIX_UNITS = 'off'
  try {
    assert.match((await ask()).why, 'WGSAM_MATRIX_UNITS=off')
  } finally {
    delete process.env.WGSAM_MATRIX_UNITS
  }
  assert.is(asked.length, 0)
  assert.is(matrixUnitsWanted({}), true)
  assert.is(matrixUnitsWanted({ WGSAM_MATRIX_UNITS: 'on' }), true)
  assert.throws(() => matrixUnitsWanted({ WGSAM_MATRIX_UNITS: 'no' }), /WGSAM_MATRIX_UNITS is "no"/)
})

test('if another adapter was tried than is used, nothing is concluded', async () => {
  const { asked, ask } = await setup({ adapter: 'intel / arc', works: true, why: '' })
  for (let i = 0; i < 2; i++) {
    const outcome = await ask()
    assert.is(outcome.works, false)
    assert.match(outcome.why, 'intel / arc')
  }
  assert.is(asked.length, 2)
})

test('the process may report, fail, die, hang, be missing: each is an outcome', async () => {
  const script = async (code: string) => {
    const file = join(folder, `${Math.random()}.mjs`)
    await writeFile(file, code)
    return file
  }
  const report = 'process.stdout.write(JSON.stringify({ adapter: process.argv[2], works: true, why: "" }))'
  const choice = { adapter: 'card', toggles: ['a=b'] }
  assert.equal(await inProcess(choice, await script(report)), {
    adapter: JSON.stringify(choice),
    works: true,
    why: '',
  })
  for (const [code, expected] of [
    ['process.exit(3)', /with code 3$/],
    ['console.error("vkCreateDevice failed"); process.exit(1)', /with code 1: vkCreateDevice failed$/],
    ['process.abort()', /ended by SIG/],
    ['process.kill(process.pid, "SIGSEGV"); setTimeout(() => {}, 10000)', /ended by SIGSEGV/],
    ['console.log("no JSON")', /with code 0/],
  ] as const) {
    const outcome = await inProcess(choice, await script(code))
    assert.is(outcome.works, false)
    assert.match(outcome.why, expected)
  }
  const start = performance.now()
  const hung = await inProcess(choice, await script('setInterval(() => {}, 1000)'), 500)
  assert.match(hung.why, 'did not answer within 0.5 seconds')
  assert.ok(performance.now() - start < 10_000)
  assert.match((await inProcess(choice, null)).why, 'missing')
})

test('of lists of features one is left, with all of them; of other arguments the last', () => {
  assert.equal(
    joinToggles([
      'enable-dawn-features=a',
      'adapter=x',
      'disable-dawn-features=timestamp_quantization',
      'enable-dawn-features=b,c',
      'adapter=y=z',
    ]),
    ['enable-dawn-features=a,b,c', 'adapter=y=z', 'disable-dawn-features=timestamp_quantization'],
  )
  assert.equal(joinToggles([]), [])
})

test.run()
