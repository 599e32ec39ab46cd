/**
 * @file The engine in other hosts than Node: a page and a worker in Chromium, Deno with its own WebGPU, Bun. Each recomputes the golden
 * files, trains some steps and segments a prompt as Node does, from the same bundle. `npm run test:hosts` runs this file alone.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { execFile } from 'node:child_process'
import { mkdtemp, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { findHost } from '../../scripts/find-tools.mjs'
import { engine } from '../support/engine'
import { openBrowser, testInBrowser } from '../support/browser'
import { testNeeding } from '../support/needs'
import { FINE_TUNED, type HostReport, runOnDevice } from './host-run'
import type { EmbedderReport } from './train-as-embedder'
import { bundleFor, packGolden } from './pack-golden'

/** Relative error to the golden tensors: outputs are an order of magnitude better, the worst gradient is near 1e-5. */
const GOLDEN_TOLERANCE = 1e-4
const HOST_LIMIT_MS = 280_000

const files = [await packGolden('toy_vit'), await packGolden('toy_tiny_vit')]
const inNode = await runOnDevice(engine.device, files)

/** Requests a device as any program would, without features or limits. */
const REQUEST = `
  const adapter = await navigator.gpu.requestAdapter()
  if (!adapter) throw new Error('this host offers no WebGPU adapter')
  const device = await adapter.requestDevice()`

/** @param expected what Node reports of the same files */
function compare(host: string, reports: readonly HostReport[], expected: readonly HostReport[] = inNode): void {
  assert.equal(reports.map(({ name }) => name), expected.map(({ name }) => name), host) // prettier-ignore
  reports.forEach((report, i) => {
    const known = expected[i]
    assert.equal(Object.keys(report.errors), Object.keys(known.errors), `${host}: the same tensors`)
    assert.ok(Object.keys(report.errors).length > 10)
    for (const [name, error] of Object.entries(report.errors))
      assert.ok(error < GOLDEN_TOLERANCE, `${host}: ${report.name}: ${name}: ${error}`)
    report.losses.forEach((loss, step) =>
      assert.ok(
        Math.abs(loss - known.losses[step]) < 1e-3,
        `${host}: loss of step ${step}: ${loss}, in Node ${known.losses[step]}`,
      ),
    )
    assert.ok(Math.abs(report.predictedIou - known.predictedIou) < 1e-3, `${host}: ${report.predictedIou}`)
    compareTraining(host, report.embedder, known.embedder)
    assert.ok(Math.abs(report.area - known.area) <= 2 + 0.01 * known.area, `${host}: ${report.area} pixels`)
  })
}

function compareTraining(host: string, report?: EmbedderReport, known?: EmbedderReport): void {
  assert.is(!report, !known)
  if (!report || !known) return
  assert.ok(report.losses.at(-1)! < report.losses[0], `${host}: the loss falls: ${report.losses}`)
  assert.ok(Math.abs(report.losses[0] - known.losses[0]) < 1e-3, `${host}: ${report.losses[0]}`)
  assert.is(report.scores.length, known.scores.length)
  assert.ok(report.sameBits, `${host}: resumed from bytes with the same bits`)
  assert.is(report.aborted, 'enough', host)
  assert.ok(report.masks > 0, host)
}

test('Node', () => {
  compare('Node', inNode)
  for (const { losses } of inNode) assert.ok(losses.at(-1)! < losses[0], 'the loss falls')
})

/** Serves the bundle, a page and the files; the page sets window.reports, computed by the page or by a worker. */
async function serve() {
  const main = await bundleFor('browser', "export { runOnDevice } from './host-run'")
  const routes: Record<string, [string, string]> = {
    '/host-run.js': ['text/javascript', main],
    '/files.json': ['application/json', JSON.stringify(files)],
    '/worker.js': [
      'text/javascript',
      `import { runOnDevice } from './host-run.js'
       ${REQUEST}
       const files = await (await fetch('/files.json')).json()
       postMessage(await runOnDevice(device, files.filter(({ name }) => name === '${FINE_TUNED}')))`,
    ],
    '/': [
      'text/html',
      `<!doctype html><title>wgsam</title><script type="module">
        import { runOnDevice } from './host-run.js'
        window.inPage = async () => { ${REQUEST}
          const files = await (await fetch('/files.json')).json()
          return runOnDevice(device, files.filter(({ name }) => name !== '${FINE_TUNED}')) }
        window.inWorker = () => new Promise((resolve, reject) => {
          const worker = new Worker('/worker.js', { type: 'module' })
          worker.onmessage = ({ data }) => resolve(data)
          worker.onerror = ({ message }) => reject(new Error(message))
        })
        window.ready = true
      </script>`,
    ],
  }
  const server = createServer(({ url }, response) => {
    const [type, body] = routes[url!] ?? ['text/plain', '']
    response.writeHead(routes[url!] ? 200 : 404, { 'content-type': type }).end(body)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => server.close() }
}

testInBrowser('Chromium: a page, and a worker', async () => {
  const browser = (await openBrowser(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']))!
  const server = await serve()
  try {
    const page = await browser.newPage()
    await page.goto(server.url)
    await page.waitForFunction('window.ready')
    // SwiftShader takes longest: the page recomputes one golden file, the worker the other one, and fine-tunes, which belongs into a worker
    const inPage = await page.evaluate<HostReport[]>('inPage()')
    compare('a page in Chromium', inPage, inNode.filter(({ name }) => name !== FINE_TUNED)) // prettier-ignore
    const inWorker = await page.evaluate<HostReport[]>('inWorker()')
    compare('a worker in Chromium', inWorker, inNode.filter(({ name }) => name === FINE_TUNED)) // prettier-ignore
  } finally {
    server.close()
    await browser.close()
  }
})

/** A folder with the program for a host outside the browser, which prints its reports. */
async function program(device: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wgsam-host-'))
  await writeFile(join(folder, 'files.json'), JSON.stringify(files))
  await symlink(resolve('node_modules'), join(folder, 'node_modules'), 'junction')
  const code = `import { readFileSync } from 'node:fs'
    import { runOnDevice } from './host-run'
    ${device}
    const files = JSON.parse(readFileSync(process.argv[2], 'utf8'))
    process.stdout.write(JSON.stringify(await runOnDevice(device, files)) + '\\n', () => process.exit(0))`
  await writeFile(join(folder, 'main.mjs'), await bundleFor('node', `import process from 'node:process'\n${code}`))
  return folder
}

const hosts = {
  deno: { name: 'Deno, with its own WebGPU', args: ['run', '--allow-all'], device: REQUEST },
  bun: {
    name: 'Bun, with the package webgpu',
    args: ['run'],
    device: `import { create, globals } from 'webgpu'
      Object.assign(globalThis, globals)
      const gpu = (globalThis.keptGpu = create([]))
      const device = await (await gpu.requestAdapter()).requestDevice()`,
  },
} as const

for (const key of ['deno', 'bun'] as const) {
  const { name, args, device } = hosts[key]
  const executable = findHost(key)
  const missing = executable ? null : `${key} is not installed (\`npm run test:hosts\` installs it)`
  testNeeding(key, missing)(name, async () => {
    const folder = await program(device)
    const command = [...args, join(folder, 'main.mjs'), join(folder, 'files.json')]
    const { stdout } = await promisify(execFile)(executable!, command, {
      cwd: folder,
      timeout: HOST_LIMIT_MS,
      maxBuffer: 1 << 26,
    })
    compare(name, JSON.parse(stdout.trim().split('\n').at(-1)!))
  })
}

test.run()
