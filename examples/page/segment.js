/** @file A page that shows the mask of the particle under a click. */
import { Engine, SamModel, Segmenter, SupersededError } from 'wgsam'
import { openWeights } from 'wgsam/web'

const input = /** @type {HTMLInputElement} */ (document.querySelector('input'))
const output = /** @type {HTMLOutputElement} */ (document.querySelector('output'))
const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('canvas'))
const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'))
const say = (/** @type {string} */ text) => (output.textContent = text)

/** The checkpoint, by URL. `config` is for toy models only, whose shapes do not say everything. */
const query = new URLSearchParams(location.search)
const config = query.get('config')

async function start() {
  // both are absent where the browser has no WebGPU; docs/troubleshooting.md says what helps
  const adapter = await navigator.gpu?.requestAdapter()
  if (!adapter) throw new Error('this browser offers no WebGPU adapter')
  const engine = new Engine(await adapter.requestDevice())
  const { weights, architecture, bytes } = await openWeights(query.get('model') ?? 'model.safetensors', {
    config: config && JSON.parse(config),
  })
  let loaded = 0
  const model = await SamModel.load(engine, weights, architecture, {
    onTensor: (_, size) => say(`loading the model: ${Math.round((100 * (loaded += size)) / bytes)} %`),
  })
  return Segmenter.create(model)
}

const segmenter = await start().catch((error) => {
  say(error.message)
  throw error
})
say('ready: choose an image, then click on a particle')

/** @type {ImageBitmap | null} The image as it was chosen; the canvas also shows the mask. */
let image = null

input.onchange = async () => {
  if (!input.files?.length) return
  image = await createImageBitmap(input.files[0])
  ;[canvas.width, canvas.height] = [image.width, image.height]
  context.drawImage(image, 0, 0)
}

canvas.onclick = async ({ offsetX: x, offsetY: y }) => {
  if (!image) return
  say('segmenting …') // the first click on an image also encodes it
  try {
    // `latest`: of several quick clicks only the last one is answered
    const [{ mask, predictedIou }] = await segmenter.segment(image, { points: [{ x, y }] }, { latest: true })
    draw(image, mask)
    const pixels = mask.data.reduce((sum, inside) => sum + inside, 0)
    say(`${pixels} pixels, predicted IoU ${predictedIou.toFixed(2)}`)
  } catch (error) {
    if (!(error instanceof SupersededError)) say(/** @type {Error} */ (error).message)
  }
}

/** The image with the mask in colour. A mask is the part of the image that it occupies. */
function draw(/** @type {ImageBitmap} */ picture, /** @type {import('wgsam').Mask} */ mask) {
  context.drawImage(picture, 0, 0)
  context.fillStyle = 'rgb(255 80 0 / 50%)'
  mask.data.forEach((inside, i) => {
    if (inside) context.fillRect(mask.x0 + (i % mask.width), mask.y0 + Math.floor(i / mask.width), 1, 1)
  })
}
