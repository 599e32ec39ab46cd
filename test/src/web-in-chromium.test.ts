/** @file `wgsam/web` in Chromium: a .pth kept by the Cache API or as a file and opened with the server off, an adapter, a merge. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import { wgsl } from '../../scripts/wgsl-plugin.mjs'
import { adapterFiles } from '../../src/weights/adapter-bytes'
import { mergeAdapter } from '../../src/weights/merge-adapter'
import { openWeights } from '../../src/weights/open-weights'
import { weightsFile } from '../../src/weights/weights-file'
import { openBrowser, testInBrowser } from '../support/browser'
import { toyAdapter } from '../support/toy-adapter'

const pth = new Uint8Array(readFileSync('golden/files/toy_vit.pth'))
const config = JSON.parse(readFileSync('golden/files/toy_vit.json', 'utf8'))
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Runs in the page: everything is returned as hashes. */
const PAGE = `
  import * as web from '/web.js'
  const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
  const hash = async (bytes) => hex(await crypto.subtle.digest('SHA-256', bytes))
  window.run = async (config, sha256, kind) => {
    const remarks = []
    const cache = kind === 'opfs' ? web.opfsCache() : true
    const opened = await web.openWeights('/toy.pth', { config, sha256, cache, onRemark: (text) => remarks.push(text) })
    const first = [...opened.tensors.keys()][5]
    const adapter = await web.openAdapter(await (await fetch('/adapter.json')).json().then((files) =>
      Object.fromEntries(Object.entries(files).map(([name, text]) => [name, Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]))),
      { architecture: opened.architecture })
    const files = await web.adapterFiles(adapter)
    const merged = await web.weightsFile(web.mergeAdapter(opened, adapter))
    return { remarks, value: (await opened.weights.read(first)).data[3], format: opened.format, merged: await hash(await merged.arrayBuffer()),
      files: Object.fromEntries(await Promise.all(Object.entries(files).map(async ([name, bytes]) => [name, await hash(bytes)]))) }
  }
  // one byte of what is kept is changed
  window.damage = async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('wgsam-weights')
    for await (const [name, handle] of folder.entries()) if (name.endsWith('.weights')) {
      const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer())
      bytes[500] ^= 1
      const file = await handle.createWritable()
      await file.write(bytes)
      await file.close()
    }
  }
  window.ready = true`

testInBrowser('weights are kept, adapters and merged weights have the bytes of Node', async () => {
  const { outputFiles } = await build({
    entryPoints: ['src/web.ts'],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    plugins: [wgsl()],
  })
  const opened = await openWeights(pth, { config })
  const content = toyAdapter(opened.architecture)
  const files = await adapterFiles(content)
  const merged = new Uint8Array(await (await weightsFile(mergeAdapter(opened, content))).arrayBuffer())
  const base64 = Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')])
  const weights: [string, Uint8Array] = ['application/octet-stream', pth]
  const routes: Record<string, [string, string | Uint8Array]> = {
    '/': ['text/html', `<!doctype html><script type="module">${PAGE}</script>`],
    '/web.js': ['text/javascript', outputFiles[0].text],
    '/adapter.json': ['application/json', JSON.stringify(Object.fromEntries(base64))],
    '/toy.pth': weights,
  }
  const asked: string[] = []
  const server = createServer(({ url }, response) => {
    asked.push(url!)
    const [type, body] = routes[url!] ?? ['text/plain', '']
    response.writeHead(routes[url!] ? 200 : 404, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  server.unref()
  const browser = (await openBrowser())!
  try {
    const page = await browser.newPage()
    const run = async (kind = 'cache') => {
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      await page.waitForFunction('window.ready')
      return page.evaluate<Record<string, unknown>>(`run(${JSON.stringify(config)}, '${hash(pth)}', '${kind}')`)
    }
    const name = [...opened.tensors.keys()][5]
    const expected = {
      remarks: [],
      value: (await opened.weights.read(name)).data[3],
      format: 'pth',
      merged: hash(merged),
      files: Object.fromEntries(Object.entries(files).map(([file, bytes]) => [file, hash(bytes)])),
    }
    assert.equal(await run(), expected)
    // the second time the server has no weights any more
    delete routes['/toy.pth']
    assert.equal(await run(), expected)
    assert.is(asked.filter((url) => url === '/toy.pth').length, 1)

    routes['/toy.pth'] = weights
    assert.equal(await run('opfs'), expected)
    delete routes['/toy.pth']
    assert.equal(await run('opfs'), expected)
    assert.is(asked.filter((url) => url === '/toy.pth').length, 2)
    routes['/toy.pth'] = weights
    await page.evaluate('damage()')
    const { remarks, ...others } = await run('opfs')
    assert.match(String(remarks), 'damaged and was discarded')
    assert.equal({ ...others, remarks: [] }, expected)
    assert.is(asked.filter((url) => url === '/toy.pth').length, 3)
  } finally {
    await browser.close()
    server.close()
  }
})

test.run()
