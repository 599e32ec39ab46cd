/** @file The programs in examples/, run as they stand there on dist/, with a toy model. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { findHost } from '../../scripts/find-tools.mjs'
import { decodeMask } from '../../engine/masks/rle'
import { discScene } from '../hosts/disc-scene'
import { openBrowser, testInBrowser } from '../support/browser'
import { png8, scratch } from '../support/files'
import { testNeeding } from '../support/needs'

const MODEL = 'golden/files/toy_tiny_vit.pth'
const CONFIG = 'golden/files/toy_tiny_vit.json'
const TIME_LIMIT_MS = 240_000
const TYPES: Record<string, string> = { '.js': 'text/javascript', '.html': 'text/html' }

const folder = scratch()
const { image } = discScene()
const { width, height } = image
const gray = image.rgb.filter((_, i) => i % 3 === 0)
const picture = join(folder, 'disc.png')
await png8(picture, width, height, gray)

/** The repository as a web server would give it. */
async function serve() {
  const server = createServer(async ({ url }, response) => {
    const path = new URL(url!, 'http://localhost').pathname.replace(/\/$/, '/index.html')
    const data = /^\/(examples|dist|golden)\/[\w./-]+$/.test(path) ? await readFile(`.${path}`).catch(() => null) : null
    response.writeHead(data ? 200 : 404, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' })
    response.end(data)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const query = `model=/${MODEL}&config=${encodeURIComponent(readFileSync(CONFIG, 'utf8'))}`
  return {
    address: (example: string, more = '') => `${base}/examples/${example}/?${query}${more}`,
    close: () => server.close(),
  }
}

testInBrowser('page/ segments at a click; worker/ trains in a worker with a live loss', async () => {
  const browser = (await openBrowser(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']))!
  const server = await serve()
  try {
    const page = await browser.newPage()
    page.setDefaultTimeout(TIME_LIMIT_MS)
    const shown = (pattern: string) =>
      page.waitForFunction(`/${pattern}/.test(document.querySelector('output').textContent)`)
    await page.goto(server.address('page'))
    await shown('^ready')
    await page.setInputFiles('input', picture)
    await page.waitForFunction(`document.querySelector('canvas').width === ${width}`)
    await page.click('canvas', { position: { x: 25, y: 18 } })
    await shown('\\d+ pixels, predicted IoU')

    await page.goto(server.address('worker', '&steps=4&rank=2'))
    await page.click('text=fine-tune')
    await shown('^step 1 of 4, loss')
    await shown('^score .* % before, .* after; \\d+ masks before, \\d+ after$')
  } finally {
    server.close()
    await browser.close()
  }
})

test('http-endpoint.mjs answers points with masks, and bad requests with what is wrong', async () => {
  const child = spawn(process.execPath, ['examples/http-endpoint.mjs', MODEL, '0', CONFIG], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const address = await new Promise<string>((found, fail) => {
      let said = ''
      child.stdout.on('data', (text) => {
        said += text
        const url = /listening on (\S+)/.exec(said)?.[1]
        if (url) found(url)
      })
      child.on('exit', (code) => fail(new Error(`the endpoint ended with ${code}`)))
    })
    const body = await readFile(picture)
    const response = await fetch(`${address}?point=25,18&point=40,30`, { method: 'POST', body })
    const answer = (await response.json()) as { width: number; masks: { point: number[]; segmentation: never }[] }
    assert.is(response.status, 200)
    assert.is(answer.width, width)
    assert.equal(answer.masks.map(({ point }) => point), [[25, 18], [40, 30]]) // prettier-ignore
    assert.ok(decodeMask(answer.masks[0].segmentation).width <= width)
    const wrong = await fetch(`${address}?point=250,18`, { method: 'POST', body })
    assert.is(wrong.status, 400)
    assert.match(((await wrong.json()) as { error: string }).error, 'is not in the image of 60x40 pixels')
    assert.is((await fetch(address)).status, 405)
  } finally {
    child.kill()
  }
})

const deno = findHost('deno')
testNeeding('deno', deno ? null : 'deno is not installed (`npm run test:hosts` installs it)')(
  'deno.ts segments an image',
  async () => {
    const ppm = join(folder, 'disc.ppm')
    await writeFile(ppm, Buffer.concat([Buffer.from(`P6 ${width} ${height} 255\n`), image.rgb]))
    const args = ['run', '-A', resolve('examples/deno.ts'), MODEL, ppm, '25', '18', CONFIG]
    const { stdout } = await promisify(execFile)(deno!, args, { timeout: TIME_LIMIT_MS })
    const mask = JSON.parse(stdout.trim().split('\n').at(-1)!) as { area: number; predictedIou: number }
    assert.ok(mask.area >= 0 && Number.isFinite(mask.predictedIou), stdout)
  },
)

const bun = findHost('bun')
testNeeding('bun', bun ? null : 'bun is not installed (`npm run test:hosts` installs it)')(
  'bun/segment.ts segments an image',
  async () => {
    const args = ['run', 'examples/bun/segment.ts', MODEL, picture, '25', '18', CONFIG]
    const { stdout } = await promisify(execFile)(bun!, args, { timeout: TIME_LIMIT_MS })
    const mask = JSON.parse(stdout.trim().split('\n').at(-1)!) as { area: number; predictedIou: number }
    assert.ok(mask.area >= 0 && Number.isFinite(mask.predictedIou), stdout)
  },
)

test.run()
