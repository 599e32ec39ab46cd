/** @file Draws the worst cases: crops with the outlines of label and mask and with the prompt, for a page and as an image file. */
import { extname } from 'node:path'
import sharp, { type OverlayOptions } from 'sharp'
import type { Region } from '../../engine/image/box'
import { regionSize } from '../../engine/image/box'
import { cropImage } from '../../engine/image/rgb-image'
import type { Size } from '../../engine/image/size'
import { maskContains } from '../../engine/masks/mask'
import { loadItem } from '../dataset/dataset'
import type { Sample } from '../../engine/image/sample'
import { colours, drawOutlines, type Raster } from '../drawing/raster'
import { UserError } from '../host/errors'
import { escape } from '../text/escape'
import { percent, promptModeNames } from './evaluation-table'
import { modelName } from './model-name'
import type { WorstCase, WorstCases } from './worst-cases'

/** Side of a crop as it is shown, in pixels. */
const TILE = 240
/** A crop shows the particle and this many times its size around it, and at least MIN_SIDE pixels of the image. */
const SURROUNDINGS = 0.6
const MIN_SIDE = 40

/** How strongly the mask is tinted. */
const TINT = 0.2

const PROMPT_COLOUR = [255, 255, 255] as const

export interface DrawnCase {
  caption: string
  size: Size
  /** (height, width, 3) */
  rgb: Uint8Array
}

export interface DrawnCases extends Omit<WorstCases, 'cases'> {
  cases: DrawnCase[]
}

/** Draws the cases; each image is read once. */
export async function drawWorst(worst: readonly WorstCases[]): Promise<DrawnCases[]> {
  const wanted = new Map<string, { one: WorstCase; put(drawn: DrawnCase): void }[]>()
  const drawn = worst.map(({ model, prompt, cases }): DrawnCases => {
    const list: DrawnCase[] = []
    cases.forEach((one, i) => {
      const ofImage = wanted.get(one.item.id) ?? []
      wanted.set(one.item.id, [...ofImage, { one, put: (picture) => (list[i] = picture) }])
    })
    return { model, prompt, cases: list }
  })
  for (const jobs of wanted.values()) {
    const sample = await loadItem(jobs[0].one.item)
    for (const { one, put } of jobs) put(await drawCase(sample, one))
  }
  return drawn
}

async function drawCase(sample: Sample, { item, prompt, instance, mask, dice }: WorstCase): Promise<DrawnCase> {
  const region = cropRegion(instance, sample)
  const { width, height } = regionSize(region)
  const scale = TILE / Math.max(width, height)
  const size = { width: Math.max(1, Math.round(scale * width)), height: Math.max(1, Math.round(scale * height)) }
  const rgb = new Uint8Array(
    await sharp(cropImage(sample, region), { raw: { width, height, channels: 3 } })
      .resize({ ...size, fit: 'fill', kernel: scale > 2 ? 'nearest' : 'lanczos3' })
      .raw()
      .toBuffer(),
  )
  const rasterOf = (inside: (x: number, y: number) => boolean): Raster => {
    const at = (place: number) => Math.floor((place + 0.5) / scale)
    const data = Uint16Array.from({ length: size.width * size.height }, (_, i) => {
      const x = Math.min(region.right - 1, region.left + at(i % size.width))
      const y = Math.min(region.bottom - 1, region.top + at(Math.floor(i / size.width)))
      return +inside(x, y)
    })
    return { ...size, data }
  }
  const { id, point, x0, y0, x1, y1 } = instance
  const shown = (x: number, y: number): [number, number] => [(x - region.left) * scale, (y - region.top) * scale]
  const predicted = mask && rasterOf((x, y) => maskContains(mask, x, y))
  const label = rasterOf((x, y) => sample.labels[y * sample.width + x] === id)
  // tinted as well, because a mask that is much too large has no outline in the crop
  if (predicted) tint(rgb, predicted)
  drawOutlines(rgb, label, colours.truth)
  if (predicted) drawOutlines(rgb, predicted, colours.predicted)
  if (prompt === 'box') drawFrame(rgb, size, [...shown(x0, y0), ...shown(x1 + 1, y1 + 1)])
  if (prompt === 'point' || prompt === 'corrected') drawDot(rgb, size, shown(point[0] + 0.5, point[1] + 0.5))
  return { caption: `Dice ${percent(dice)}, ${item.id}`, size, rgb }
}

function tint(rgb: Uint8Array, { data }: Raster): void {
  data.forEach((inside, i) => {
    if (inside) for (let c = 0; c < 3; c++) rgb[3 * i + c] += TINT * (colours.predicted[c] - rgb[3 * i + c])
  })
}

/** A square around the particle, moved and clipped to the image. */
function cropRegion({ x0, y0, x1, y1 }: WorstCase['instance'], image: Size): Region {
  const longer = Math.max(x1 - x0, y1 - y0) + 1
  const side = Math.max(MIN_SIDE, Math.ceil((1 + 2 * SURROUNDINGS) * longer))
  const start = (middle: number, length: number) => Math.max(0, Math.min(length - side, Math.round(middle - side / 2)))
  const [left, top] = [start((x0 + x1 + 1) / 2, image.width), start((y0 + y1 + 1) / 2, image.height)]
  return { left, top, right: Math.min(image.width, left + side), bottom: Math.min(image.height, top + side) }
}

function drawFrame(rgb: Uint8Array, { width, height }: Size, corners: number[]): void {
  const [left, top, right, bottom] = corners.map(Math.round)
  // dashed, because the label's outline lies partly along it
  const put = (x: number, y: number) => {
    if (x >= 0 && y >= 0 && x < width && y < height && (x + y) % 6 < 4) rgb.set(PROMPT_COLOUR, 3 * (y * width + x))
  }
  for (let x = left; x < right; x++) for (const y of [top, bottom - 1]) put(x, y)
  for (let y = top; y < bottom; y++) for (const x of [left, right - 1]) put(x, y)
}

function drawDot(rgb: Uint8Array, { width, height }: Size, [x, y]: [number, number]): void {
  const radius = 4
  for (let v = Math.max(0, Math.floor(y - radius)); v <= Math.min(height - 1, y + radius); v++)
    for (let u = Math.max(0, Math.floor(x - radius)); u <= Math.min(width - 1, x + radius); u++) {
      const distance = Math.hypot(u + 0.5 - x, v + 0.5 - y)
      if (distance <= radius) rgb.set(distance > radius - 1.5 ? [0, 0, 0] : PROMPT_COLOUR, 3 * (v * width + u))
    }
}

const title = ({ model, prompt, cases }: DrawnCases) =>
  `${modelName(model)}, ${promptModeNames[prompt]}: the ${cases.length} worst particles`

/** The cases as a section of a report; empty without cases. */
export async function worstSection(worst: readonly DrawnCases[]): Promise<string> {
  if (!worst.length) return ''
  const blocks = await Promise.all(
    worst.map(async (group) => {
      const figures = await Promise.all(
        group.cases.map(async ({ caption, size, rgb }) => {
          const jpeg = await sharp(rgb, { raw: { ...size, channels: 3 } })
            .jpeg({ quality: 84, mozjpeg: true })
            .toBuffer()
          const uri = `data:image/jpeg;base64,${jpeg.toString('base64')}`
          const text = escape(caption)
          return `<figure><img src="${uri}" alt="${text}"><figcaption>${text}</figcaption></figure>`
        }),
      )
      return `<h3>${escape(title(group))}</h3>\n<div class="worst">${figures.join('')}</div>`
    }),
  )
  return `<h2>Worst cases</h2>
<ul class="legend"><li><i class="truth"></i>label</li><li><i class="predicted"></i>mask</li><li>white: the prompt</li></ul>
${blocks.join('\n')}`
}

const FORMATS = ['.png', '.jpg', '.jpeg']

/** @throws UserError if the name of an image file has an ending that cannot be written */
export function checkFigureName(path: string): void {
  if (!FORMATS.includes(extname(path).toLowerCase()))
    throw new UserError(`${path}: a figure is written as ${FORMATS.join(', ')}`)
}

const [GAP, CAPTION, HEADING, COLUMNS] = [10, 22, 36, 6]

/** All cases as one image, in the format of the file's ending: a heading and rows of crops for each model and prompt mode. */
export async function worstImage(worst: readonly DrawnCases[], path: string): Promise<Buffer> {
  checkFigureName(path)
  const columns = Math.max(1, Math.min(COLUMNS, ...[Math.max(1, ...worst.map(({ cases }) => cases.length))]))
  const width = GAP + columns * (TILE + GAP)
  const texts: string[] = []
  const tiles: OverlayOptions[] = []
  let top = GAP
  for (const group of worst) {
    texts.push(`<text x="${GAP}" y="${top + 22}" font-size="17" font-weight="600">${escape(title(group))}</text>`)
    top += HEADING
    for (const [i, { caption, size, rgb }] of group.cases.entries()) {
      const left = GAP + (i % columns) * (TILE + GAP)
      tiles.push({ input: Buffer.from(rgb), raw: { ...size, channels: 3 }, left, top })
      const words = caption.length > 36 ? `${caption.slice(0, 35)}…` : caption
      texts.push(`<text x="${left}" y="${top + TILE + 15}" font-size="12">${escape(words)}</text>`)
      if (i % columns === columns - 1 || i === group.cases.length - 1) top += TILE + CAPTION + GAP
    }
  }
  const height = Math.max(top, HEADING)
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><g font-family="sans-serif" fill="#1b1f24">${texts.join('')}</g></svg>`
  const canvas = sharp({ create: { width, height, channels: 3, background: '#ffffff' } }).composite([
    ...tiles,
    { input: Buffer.from(svg), left: 0, top: 0 },
  ])
  return (
    extname(path).toLowerCase() === '.png' ? canvas.png() : canvas.jpeg({ quality: 88, mozjpeg: true })
  ).toBuffer()
}
