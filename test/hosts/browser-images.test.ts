/** @file What a browser draws, segmented in Chromium: an ImageBitmap and canvases give the mask that their ImageData gives. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openBrowser, testInBrowser } from '../support/browser'
import { bundleFor, packGolden } from './pack-golden'
import type { segmentForms } from './segment-forms'

/** What runs in the page: the tests are compiled without the types of a browser. */
const PAGE = `
  import { Engine } from '../../engine/index'
  import { discScene } from './disc-scene'
  import { segmentForms } from './segment-forms'

  export async function segmentAll(file) {
    const adapter = await navigator.gpu.requestAdapter()
    const engine = new Engine(await adapter.requestDevice())
    const { image } = discScene()
    const { width, height } = image
    const imageData = new ImageData(width, height)
    for (let i = 0; i < width * height; i++) imageData.data.set([...image.rgb.subarray(3 * i, 3 * i + 3), 255], 4 * i)
    const canvas = Object.assign(document.createElement('canvas'), { width, height })
    const offscreen = new OffscreenCanvas(width, height)
    for (const each of [canvas, offscreen]) each.getContext('2d').putImageData(imageData, 0, 0)
    const forms = { image, imageData, bitmap: await createImageBitmap(imageData), canvas, offscreen }
    const answers = await segmentForms(engine, file, forms)
    engine.dispose()
    return answers
  }`

testInBrowser('an ImageBitmap, canvases and ImageData are segmented as the pixels that they hold', async () => {
  const file = await packGolden('toy_tiny_vit')
  const script = await bundleFor('browser', PAGE)
  const browser = (await openBrowser(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']))!
  try {
    const page = await browser.newPage()
    // WebGPU takes a secure context, which localhost is
    await page.route('http://localhost/**', (route) =>
      route.request().url().endsWith('.js')
        ? route.fulfill({ contentType: 'text/javascript', body: script })
        : route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>images</title>' }),
    )
    await page.goto('http://localhost/')
    const call = `import('/segment.js').then(({ segmentAll }) => segmentAll(${JSON.stringify(file)}))`
    const { image, ...others } = await page.evaluate<Awaited<ReturnType<typeof segmentForms>>>(call)
    assert.ok(image.data.includes(1), 'there is something to compare')
    assert.equal(Object.keys(others), ['imageData', 'bitmap', 'canvas', 'offscreen'])
    for (const [form, answer] of Object.entries(others)) assert.equal(answer, image, form)
  } finally {
    await browser.close()
  }
})

test.run()
