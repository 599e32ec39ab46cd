/** @file `wgsam predict`: the mask of an object in one image, prompted by points or a box. */
import { basename, extname, join } from 'node:path'
import { maskArea } from '../../engine/masks/mask'
import { paintMasks } from '../../engine/masks/mask-algebra'
import { Predictor } from '../../engine/sam/predictor'
import { type ImagePrompt, slotsFor } from '../../engine/sam/prompt-masks'
import { diameterInPixels } from '../images/diameter'
import { parsePixelSize, readMicrograph } from '../images/micrograph'
import { writePng } from '../images/png-writer'
import { toRGB8 } from '../images/rgb8'
import { UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { overlay } from '../drawing/mask-overlay'
import { adapterBand } from '../model/adapter-band'
import { describePromptView } from '../model/describe-view'
import { checkPrompt, segment } from '../model/segment-image'
import type { Command } from '../cli/command'
import { flag, text, texts, type Values } from '../cli/options'
import { diameterOption, pixelSizeOption, readDiameter } from './options/diameter'
import { modelOptions, openChosenModel, withAdapterFolders } from './options/model'

export const command: Command = {
  name: 'predict',
  summary: 'segment one object in an image, prompted by points or a box',
  usage: 'IMAGE --point x,y[,0|1] ... | --box x0,y0,x1,y1 [--adapter DIR] [--out DIR]',
  positionals: [1, 1],
  options: {
    point: {
      type: 'string',
      value: 'x,y[,0|1]',
      multiple: true,
      description: 'a pixel on the object, or with a third number 0 one that is not on it; may be given several times',
    },
    box: {
      type: 'string',
      value: 'x0,y0,x1,y1',
      description: 'a box around the object, in pixels: left, top, right, bottom',
    },
    multimask: {
      type: 'boolean',
      description: 'write the model’s three masks for an ambiguous prompt: a part, a larger part, the whole object',
    },
    ...modelOptions,
    ...diameterOption,
    ...pixelSizeOption,
    out: { type: 'string', value: 'DIR', default: '.', description: 'folder of the results' },
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  details: `Writes NAME-mask.png (255 on the object) and NAME-overlay.png in the image's own size, and NAME.json.

  wgsam predict grains.png --point 310,122 --adapter runs/first/best --out masks`,
  async run(given, [path]) {
    const values = withAdapterFolders(given)
    const result = await predict(values, path)
    if (flag(values, 'json')) console.log(JSON.stringify(result, null, 1))
    else {
      for (const { mask, overlay, predictedIou, pixels } of result.masks)
        console.log(`${mask}, ${overlay}: ${pixels} pixels, predicted IoU ${predictedIou.toFixed(3)}`)
      console.log(`seen: ${describePromptView(result.view, result.region)}`)
    }
  },
}

async function predict(values: Values, path: string) {
  const prompt: ImagePrompt = { points: texts(values, 'point').map(readPoint), box: readBox(text(values, 'box')) }
  const diameter = readDiameter(values)
  const typed = text(values, 'pixel-size')
  const pixelSize = typed === undefined ? undefined : parsePixelSize(typed)
  const { image: read, ...micrograph } = await readMicrograph(path, { crop: 'none', pixelSize })
  const pixels = diameterInPixels(diameter, { name: path, ...micrograph })
  const image = { width: read.width, height: read.height, rgb: toRGB8(read) }
  checkPrompt(prompt, image)
  const { engine, model, name, size, adapter } = await openChosenModel(values)
  const predictor = await Predictor.create(model, { prompts: 1, slots: slotsFor(prompt) })
  const scale = { diameter: pixels, band: await adapterBand(adapter?.path ?? null, model) }
  const { masks: segments, view } = await segment(predictor, image, prompt, flag(values, 'multimask'), scale)
  engine.destroy()

  const stem = join(text(values, 'out')!, basename(path, extname(path)))
  const masks = []
  for (const [i, { mask, token, predictedIou }] of segments.entries()) {
    const suffix = segments.length > 1 ? `-${i + 1}` : ''
    const files = { mask: `${stem}-mask${suffix}.png`, overlay: `${stem}-overlay${suffix}.png` }
    const { width, height } = image
    await writePng(files.mask, { width, height, channels: 1, data: paintMasks([mask], image, 255) })
    await writePng(files.overlay, { width, height, channels: 3, data: overlay(image, mask, prompt) })
    masks.push({ ...files, token, predictedIou, pixels: maskArea(mask) })
  }
  const { width, height } = image
  const result = {
    image: path,
    width,
    height,
    model: name,
    adapter: adapter?.path ?? null,
    size,
    view,
    /** The part of the image that the model saw. */
    region: segments[0].region,
    ...prompt,
    masks,
  }
  await writeFileAtomic(`${stem}.json`, JSON.stringify(result, null, 1) + '\n')
  return result
}

function readPoint(typed: string): ImagePrompt['points'][number] {
  const numbers = readNumbers(typed)
  const [x, y, foreground = 1] = numbers
  if (numbers.length < 2 || numbers.length > 3 || (foreground !== 0 && foreground !== 1))
    throw new UserError(`--point takes x,y, or x,y,0 for a pixel that is not on the object, got "${typed}"`)
  return { x, y, foreground: foreground === 1 }
}

function readBox(typed: string | undefined): ImagePrompt['box'] {
  if (typed === undefined) return null
  const numbers = readNumbers(typed)
  if (numbers.length !== 4) throw new UserError(`--box takes x0,y0,x1,y1, got "${typed}"`)
  return numbers as [number, number, number, number]
}

/** The numbers of a comma-separated list; empty if any entry is not a number. */
function readNumbers(typed: string): number[] {
  const numbers = typed.split(',').map((part) => (part.trim() ? Number(part) : NaN))
  return numbers.every(Number.isFinite) ? numbers : []
}
