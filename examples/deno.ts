/**
 * @file Deno with its own WebGPU: segments the particle at a pixel of a binary PPM image.
 *
 *   deno run -A examples/deno.ts model.safetensors micrograph.ppm 120 80
 *
 * `magick micrograph.tif micrograph.ppm` makes such a file. A last argument names a JSON file that only toy models need.
 */
import { Engine, type RgbImage, SamModel, Segmenter } from 'wgsam'
import { openWeights } from 'wgsam/web'

const [modelPath, imagePath, x, y, configPath] = Deno.args
const adapter = await navigator.gpu?.requestAdapter()
if (!adapter) throw new Error('Deno found no GPU adapter')
const engine = new Engine(await adapter.requestDevice())
const config = configPath && JSON.parse(await Deno.readTextFile(configPath))
const { weights, architecture } = await openWeights(await Deno.readFile(modelPath), { config })
const model = await SamModel.load(engine, weights, architecture)
const segmenter = await Segmenter.create(model)
const image = readPpm(await Deno.readFile(imagePath))
const [{ mask, predictedIou }] = await segmenter.segment(image, { points: [{ x: Number(x), y: Number(y) }] })
const area = mask.data.reduce((sum, inside) => sum + inside, 0)
console.log(JSON.stringify({ x0: mask.x0, y0: mask.y0, width: mask.width, height: mask.height, area, predictedIou }))
Deno.exit(0)

/** The pixels of a P6 file: "P6 WIDTH HEIGHT 255" and one byte for each channel. */
function readPpm(bytes: Uint8Array): RgbImage {
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(new TextDecoder('latin1').decode(bytes.subarray(0, 64)))
  if (!header) throw new Error('this is no binary PPM of 8 bits')
  const [text, width, height] = header
  return { width: Number(width), height: Number(height), rgb: bytes.subarray(text.length) }
}
