import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cacheFolder } from '../../../src/host/cache-folder'
import { openDevice } from '../../../src/host/device'
import { unmetLimits } from '../../../src/host/device-needs'
import { findAdapter, openEngine } from '../../../src/host/gpu'
import { interruption } from '../../../src/host/interrupt'
import { amount, duration, Progress } from '../../../src/host/progress'
import { selfTest } from '../../../src/host/selftest'
import { advice, parseOsRelease, type System } from '../../../src/host/machine'
import { backportsSource, newEnough, parseSources } from '../../../scripts/mesa.mjs'

test('the cache folder is the system’s, unless WGSAM_CACHE is set', () => {
  assert.is(cacheFolder({}, 'linux', '/home/u'), '/home/u/.cache/wgsam')
  assert.is(cacheFolder({ XDG_CACHE_HOME: '/c' }, 'linux', '/home/u'), '/c/wgsam')
  assert.is(cacheFolder({}, 'darwin', '/Users/u'), '/Users/u/Library/Caches/wgsam')
  assert.is(cacheFolder({ WGSAM_CACHE: '/x', XDG_CACHE_HOME: '/c' }, 'linux', '/home/u'), '/x')
})

test('an adapter whose limits are too low is refused, and the limit is named', async () => {
  const adapter = (await findAdapter())!
  assert.equal(unmetLimits(adapter), [])
  const limits = { ...adapter.limits, maxStorageBuffersPerShaderStage: 4 }
  const small = { limits, info: { description: 'Small GPU' }, features: new Set() } as unknown as GPUAdapter
  assert.equal(unmetLimits(small), ['maxStorageBuffersPerShaderStage is 4, wgsam needs 8'])
  try {
    await openDevice(small)
    assert.unreachable()
  } catch (error) {
    assert.match((error as Error).message, 'the limits of Small GPU are too low for wgsam')
  }
})

test('the self-test passes here, and detects a wrong and a missing result', async () => {
  const engine = await openEngine()
  const right = await selfTest(engine)
  assert.ok(right.ok, `relative error ${right.error}`)
  const read = engine.readBytes.bind(engine)
  for (const damage of [(v: number) => v * 1.001, () => NaN, () => 0]) {
    engine.readBytes = async (tensor) => Float32Array.from(new Float32Array(await read(tensor)), damage).buffer
    assert.not.ok((await selfTest(engine)).ok)
  }
  engine.destroy()
})

test('a terminal that is closed requests a stop once, as Ctrl-C does', async () => {
  const interrupt = interruption(() => {})
  // Waiting for a signal does not keep Node's event loop alive, so without the timer the test may end before the signal comes.
  const alive = setInterval(() => {}, 1000)
  process.kill(process.pid, 'SIGHUP')
  assert.is(await interrupt.signal, 'SIGHUP')
  clearInterval(alive)
  process.kill(process.pid, 'SIGHUP')
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.ok(interrupt.requested)
  // a message to the terminal that is gone
  process.stderr.emit('error', Object.assign(new Error('write EIO'), { code: 'EIO' }))
  interrupt.dispose()
})

test('the first signal requests a stop, the second ends the program at once', async () => {
  const exit = process.exit
  const codes: unknown[] = []
  let calls = 0
  const interrupt = interruption(() => calls++)
  assert.not.ok(interrupt.requested)
  process.emit('SIGTERM', 'SIGTERM')
  assert.ok(interrupt.requested)
  assert.is(await interrupt.signal, 'SIGTERM')
  assert.is(calls, 1)
  process.exit = ((code?: number) => codes.push(code)) as unknown as typeof process.exit
  try {
    process.emit('SIGINT', 'SIGINT')
  } finally {
    process.exit = exit
  }
  assert.is(codes[0], 130)
  interrupt.dispose()
  assert.is(process.listenerCount('SIGINT'), 0)
  assert.is(process.listenerCount('SIGTERM'), 0)
})

test('amounts and durations are formatted', () => {
  assert.is(amount(512, 'bytes'), '512 bytes')
  assert.is(amount(40.7 * 2 ** 20, 'bytes'), '40.7 MiB')
  assert.is(amount(12, 'images'), '12 images')
  assert.is(duration(0.44), '0.4 s')
  assert.is(duration(59.7), '1 min 00 s')
  assert.is(duration(185), '3 min 05 s')
  assert.is(duration(7621), '2 h 07 min')
})

test('progress: one rewritten line on a terminal, few lines elsewhere', () => {
  let now = 0
  let text = ''
  const stream = (isTTY: boolean) => ({ isTTY, columns: 200, write: (t: string) => (text += t) })
  const terminal = new Progress('fetching', 1000, { unit: 'bytes', stream: stream(true), now: () => now })
  terminal.startAt(200)
  now = 2000
  terminal.update(600)
  assert.is(text, '\r\x1b[Kfetching: 600 bytes of 1000 bytes (60 %)  200 bytes/s  2 s so far, 2 s left')
  now = 2050
  terminal.update(700)
  assert.is(text.split('\r').length, 2, 'not more than ten lines a second')
  terminal.finish()
  assert.match(text, /fetching: 700 bytes in 2\.1 s\n$/)

  text = ''
  now = 0
  const log = new Progress('training', 100, { unit: 'steps', stream: stream(false), now: () => now })
  for (let i = 1; i <= 100; i++) {
    now = i * 1000
    log.update(i, 'loss 0.5')
  }
  assert.is(text.split('\n').length - 1, 6)
  assert.match(text, 'training: 15 of 100 steps (15 %)  1 step/s  15 s so far, 1 min 25 s left  loss 0.5\n')

  // parts of an image count for the rate, and are said as the image that is being done
  text = ''
  now = 0
  const images = new Progress('generating', 3, { unit: 'images', stream: stream(false), now: () => now })
  now = 120_000
  images.update(0.25, 'a')
  assert.is(text, 'generating: image 1 of 3 (8 %)  8 min 00 s each  2 min 00 s so far, 22 min 00 s left  a\n')
})

test('advice fits the system', () => {
  const debian12 = parseOsRelease(
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
  )
  assert.equal(debian12, {
    id: 'debian',
    version: '12',
    codename: 'bookworm',
    name: 'Debian GNU/Linux 12 (bookworm)',
    like: '',
  })
  const system: System = { platform: 'linux', arch: 'x64', node: 'v20', os: debian12, mesa: null, gpus: [] }
  const says = (change: Partial<System>) => advice({ ...system, ...change }).join('\n')
  const os = (id: string, version = '', like = '') => ({ id, version, codename: '', name: '', like })
  assert.match(says({}), 'apt-get install -t bookworm-backports mesa-vulkan-drivers libvulkan1')
  assert.match(says({}), 'doctor --install')
  assert.not.match(says({ arch: 'arm64' }), 'doctor --install')
  assert.match(says({ mesa: '22.3.6-1+deb12u1' }), 'Mesa 22.3.6-1+deb12u1 is installed but too old')
  assert.match(says({ mesa: '22.3.6-1+deb12u1' }), 'shaderUniformBufferArrayDynamicIndexing')
  assert.match(says({ mesa: '25.0.7' }), 'VK_ICD_FILENAMES')
  assert.match(says({ gpus: ['NVIDIA'] }), 'NVIDIA_DRIVER_CAPABILITIES')
  assert.match(says({ gpus: ['AMD'] }), 'renderD128')
  assert.match(says({ os: os('debian', '13') }), /^apt-get install mesa/m)
  assert.match(says({ os: os('ubuntu', '22.04') }), 'Mesa of Ubuntu 22.04 is too old')
  assert.match(says({ os: os('fedora', '42') }), 'dnf install')
  assert.match(says({ os: os('alpine') }), 'from your distribution')
  assert.match(says({ platform: 'darwin' }), 'Metal')
  assert.match(says({ platform: 'win32' }), 'Direct3D 12')
})

test("Debian's backports come from the release's own mirror", () => {
  const deb822 =
    '# a note\nTypes: deb deb-src\nURIs: http://mirror/debian\n# another\nSuites: bookworm bookworm-updates\nComponents: main\n' +
    'Signed-By: /k.gpg\n\nTypes: deb\nURIs: http://mirror/debian-security\nSuites: bookworm-security\nComponents: main\n'
  const expected =
    'Types: deb\nURIs: http://mirror/debian\nSuites: bookworm-backports\nComponents: main\nSigned-By: /k.gpg\n'
  assert.is(backportsSource(parseSources(deb822), 'bookworm'), expected)
  const line =
    '# deb http://no/debian bookworm main\ndeb [arch=amd64 signed-by=/k.gpg] http://mirror/debian bookworm main contrib # x\n'
  assert.is(backportsSource(parseSources(line), 'bookworm'), expected)
  assert.is(backportsSource(parseSources(line), 'trixie'), null)

  const madison =
    ' mesa-vulkan-drivers | 25.0.7-2~bpo12+1 | http://m/debian bookworm-backports/main amd64 Packages\n' +
    ' mesa-vulkan-drivers | 22.3.6-1+deb12u1 | http://m/debian bookworm/main amd64 Packages\n'
  assert.equal(newEnough(madison), { version: '25.0.7-2~bpo12+1', suite: 'bookworm-backports' })
  assert.is(newEnough(madison.split('\n')[1]), null)
  assert.is(newEnough(''), null)
})

test.run()
