/** @file What a browser draws, segmented in Chromium: an ImageBitmap and canvases give the mask that their ImageData gives. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openBrowser, testInBrowser } from '../support/browser'
import { bundleFor, packGolden } from './pack-golden'

const SEGMENT = `
  import { Engine, SamModel, Segmenter } from '../../engine/index'
  import { discScene } from './disc-scene'
  import { unpackAll } from './host-run'

  export async function segmentForms(file) {
    const adapter = await navigator.gpu.requestAdapter()
    const engine = new Engine(await adapter.requestDevice())
    const weights = unpackAll(file.weights)
    const source = { has: (name) => weights.has(name), read: async (name) => weights.get(name) }
    const model = await SamModel.load(engine, source, file.architecture, { inputSize: file.size })
    const segmenter = await Segmenter.create(model)
    const { image } = discScene()
    const { width, height } = image
    const imageData = new ImageData(width, height)
    for (let i = 0; i < width * height; i++) imageData.data.set([...image.rgb.subarray(3 * i, 3 * i + 3), 255], 4 * i)
    const canvas = Object.assign(document.createElement('canvas'), { width, height })
    const offscreen = new OffscreenCanvas(width, height)
    for (const each of [canvas, offscreen]) each.getContext('2d').putImageData(imageData, 0, 0)
    const forms = { image, imageData, bitmap: await createImageBitmap(imageData), canvas, offscreen }
    const answers = {}
    for (const [name, form] of Object.entries(forms)) {
      const [{ mask, predictedIou }] = await segmenter.segment(form, { points: [{ x: 25, y: 18 }] })
      answers[name] = { predictedIou, ...mask, data: Array.from(mask.data) }
    }
    engine.dispose()
    return answers
  }`

interface Answer {
  predictedIou: number
  data: number[]
}

testInBrowser('an ImageBitmap, canvases and ImageData are segmented as the pixels that they hold', async () => {
  const file = await packGolden('toy_tiny_vit')
  const script = await bundleFor('browser', SEGMENT)
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
    const call = `import('/segment.js').then(({ segmentForms }) => segmentForms(${JSON.stringify(file)}))`
    const { image, ...others } = await page.evaluate<Record<string, Answer>>(call)
    assert.ok(image.data.includes(1), 'there is something to compare')
    assert.equal(Object.keys(others), ['imageData', 'bitmap', 'canvas', 'offscreen'])
    for (const [form, answer] of Object.entries(others)) assert.equal(answer, image, form)
  } finally {
    await browser.close()
  }
})

test.run()
