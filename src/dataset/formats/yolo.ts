/**
 * @file YOLO segmentation: one text file per image, one line per instance, coordinates as fractions of the image's size;
 * data.yaml names the classes.
 */
import { existsSync, statSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { messageOf, UserError } from '../../host/errors'
import { decodeText } from '../../text/decode-text'
import { writeFileAtomic } from '../../host/files'
import { labelPolygons, singleRing } from '../single-ring'
import { foreignIn } from '../../text/foreign-file'
import type { AnnotationFormat, ImageShapes, InstanceShape } from './format'
import { listFiles } from '../list-files'
import { areKeyPoints } from './yolo-key-points'

/** Decimals of a coordinate: a fiftieth of a pixel in an image of 20,000 pixels. */
const DECIMALS = 6
/** Polygons may extend beyond the image by this fraction of its size; more is taken as pixels or as damage. */
const MAX_OUTSIDE = 0.1

export const yolo: AnnotationFormat = {
  async read(path) {
    const folder = existsSync(path) && !statSync(path).isDirectory() ? dirname(path) : path
    const labels = existsSync(join(folder, 'labels')) ? join(folder, 'labels') : folder
    const files = (await listFiles(labels)).filter(
      (file) => extname(file) === '.txt' && !/(^|\/)classes\.txt$/.test(file),
    )
    if (!files.length) throw new UserError(`there are no YOLO labels (.txt) in ${labels}${await foreignIn(labels)}`)
    const names = await classNames(folder)
    return {
      problems: [],
      images: files.map((file) => ({
        file: file.slice(0, -'.txt'.length),
        byStem: true,
        from: join(labels, file),
        read: async ({ width, height }) =>
          parseYolo(decodeText(await readFile(join(labels, file))), width, height, names),
      })),
    }
  },

  async write(out, images, { className }) {
    const used = new Set<string>()
    for await (const { fileName, labels, boxes } of images) {
      const { width, height } = labels
      const lines = boxes.map((box) => {
        const ring = singleRing(labelPolygons(labels, box))
        return `0 ${ring.map(([x, y]) => `${fraction(x, width)} ${fraction(y, height)}`).join(' ')}\n`
      })
      used.add(dirname(fileName))
      await writeFileAtomic(join(out, 'labels', fileName.slice(0, -extname(fileName).length) + '.txt'), lines.join(''))
    }
    // Without a key `path`, readers use the folder of this file.
    const part = (name: string) => (used.has('.') ? 'images' : used.has(name) ? `images/${name}` : '')
    const parts = ['train', 'val', 'test'].filter(part).map((name) => `${name}: ${part(name)}\n`)
    await writeFileAtomic(join(out, 'data.yaml'), `${parts.join('')}names:\n  0: ${JSON.stringify(className)}\n`)
    return join(out, 'data.yaml')
  },
}

const fraction = (value: number, side: number) => String(Number((value / side).toFixed(DECIMALS)))

/** Parses the labels of one image; lines that are wrong are named in `damaged`. @throws Error if they are key points */
export function parseYolo(
  text: string,
  width: number,
  height: number,
  names: ReadonlyMap<number, string>,
): ImageShapes {
  const found = { shapes: [] as InstanceShape[], leftOut: [] as string[], damaged: [] as string[] }
  const polygons: number[][] = []
  const readLine = (line: string, where: string) => {
    const refuse = (reason: string): never => {
      throw new Error(reason)
    }
    const words = line.trim().split(/\s+/)
    if (words[0] === '') return
    const [type, ...fractions] = words.map(Number)
    if (!Number.isInteger(type) || type < 0)
      refuse(`its class is "${words[0].slice(0, 40)}", not a whole number from 0`)
    const wrong = fractions.findIndex((value) => !Number.isFinite(value))
    if (wrong >= 0) refuse(`"${words[wrong + 1].slice(0, 40)}" is not a number`)
    if (fractions.length === 4) return void found.leftOut.push('a box without a mask')
    if (fractions.length % 2 || fractions.length < 6)
      refuse(
        `a polygon needs three or more x, y pairs, this one has ${fractions.length} numbers` +
          (fractions.length % 2 && fractions.length >= 5
            ? ': is the last one a confidence? Save labels without it'
            : ''),
      )
    const outside = fractions.find((value) => value < -MAX_OUTSIDE || value > 1 + MAX_OUTSIDE)
    if (outside !== undefined) refuse(`${outside} is not a fraction of the image's size, from 0 to 1`)
    polygons.push(fractions)
    const points = fractions.map((value, k) => value * (k % 2 ? height : width))
    found.shapes.push({ where, className: names.get(type) ?? String(type), segmentation: [points] })
  }
  text.split(/\r?\n/).forEach((line, i) => {
    const where = `line ${i + 1}`
    try {
      readLine(line, where)
    } catch (error) {
      found.damaged.push(`${where}: ${messageOf(error)}`)
    }
  })
  if (areKeyPoints(polygons))
    throw new Error(
      'its lines are boxes with key points, as YOLO pose writes them, which hold no masks of instances: export labels of segments',
    )
  return found
}

/** The names of the classes, from classes.txt or data.yaml; empty if neither exists. */
async function classNames(folder: string): Promise<Map<number, string>> {
  const list = join(folder, 'classes.txt')
  if (existsSync(list))
    return new Map(
      decodeText(await readFile(list))
        .split(/\r?\n/)
        .map((name, i) => [i, name.trim()]),
    )
  const yaml = (await readdir(folder)).find((name) => /^(data|dataset)\.ya?ml$/.test(name))
  if (!yaml) return new Map()
  const text = decodeText(await readFile(join(folder, yaml)))
  if (/^kpt_shape\s*:/m.test(text))
    throw new UserError(
      `${join(folder, yaml)} describes key points (kpt_shape): its labels are boxes with points, which hold no masks of instances`,
    )
  return yamlNames(text)
}

/** The key `names` of a data.yaml: a list on one line, a list of dashes, or a mapping from numbers to names. */
export function yamlNames(text: string): Map<number, string> {
  const names = new Map<number, string>()
  const lines = text.split(/\r?\n/)
  const at = lines.findIndex((line) => /^names\s*:/.test(line))
  if (at < 0) return names
  const inline = /\[(.*)\]/.exec(lines[at])
  if (inline) {
    inline[1].match(/"[^"]*"|'[^']*'|[^,]+/g)?.forEach((name) => name.trim() && names.set(names.size, unquoted(name)))
    return names
  }
  for (const line of lines.slice(at + 1)) {
    const entry = /^\s*(?:-\s+(.*)|(\d+)\s*:\s*(.*))$/.exec(line)
    if (!entry && /^\S/.test(line)) break
    if (entry?.[1] !== undefined) names.set(names.size, unquoted(entry[1]))
    else if (entry) names.set(Number(entry[2]), unquoted(entry[3]))
  }
  return names
}

const unquoted = (text: string) => text.trim().replace(/^(["'])(.*)\1$/, '$2')
