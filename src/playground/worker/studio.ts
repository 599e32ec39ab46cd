/** @file The model in the worker: opened from the database, asked for masks by the review, and for proposals of whole images. */
import {
  attachAdapter,
  type AttachedAdapter,
  bandOfQuantiles,
  candidatesAtScale,
  type DiameterBand,
  type Engine,
  filterCandidates,
  type GeneratorOptions,
  MaskGenerator,
  SamModel,
  train,
} from '../../../engine/index'
import { decodeMask } from '../../../engine/masks/rle'
import { UserError } from '../../host/errors'
import { HttpError } from '../../host/http-error'
import { toRecord } from '../../project/output-texts'
import { PromptSession } from '../../review/prompt-session'
import type {
  BusyReply,
  PromptReply,
  PromptRequest,
  SimilarMasksReply,
  SimilarMasksRequest,
  SimilarReply,
  SimilarRequest,
} from '../../review/protocol'
import { withoutPixels } from '../../review/similar-search'
import { blobSource, type OpenedWeights, openWeights } from '../../web'
import type {
  AdapterSummary,
  GpuReport,
  Labelled,
  ModelRequest,
  OpenedModel,
  Progress,
  Proposed,
  ProposeRequest,
  StoredAdapter,
  TrainPoint,
  TrainRequest,
} from '../calls'
import { read, setValue, type StoredImage, type StoredModel } from '../store/database'
import { openGpu } from './gpu'
import { storedPixels } from './stored-pixels'

export interface CallHooks {
  signal: AbortSignal
  onProgress(progress: Progress): void
}

interface Loaded {
  model: SamModel
  adapter: AttachedAdapter | null
  band: DiameterBand | undefined
  session: PromptSession
  stored: StoredModel
}

/** Memory for the embeddings of images: a page must leave some to other pages. */
const EMBEDDING_BYTES = 128 * 2 ** 20

export class Studio {
  private gpu: Promise<{ engine: Engine; report: GpuReport }> | null = null
  private loaded: Loaded | null = null

  /** @throws PlaygroundError where there is no device */
  async device(): Promise<{ engine: Engine; report: GpuReport }> {
    this.gpu ??= openGpu().then((opened) => {
      // the next call requests another device, and loads the model on it
      void opened.engine.device.lost.then(() => {
        this.gpu = this.loaded = null
      })
      return opened
    })
    return this.gpu.catch((error: unknown) => {
      this.gpu = null
      throw error
    })
  }

  async open({ size }: ModelRequest, hooks: CallHooks): Promise<OpenedModel> {
    const { signal, onProgress } = hooks
    const stored = (await read('values', 'model')) as StoredModel | undefined
    if (!stored) throw new UserError('there is no model in the browser’s database: choose one')
    await this.close()
    const { engine } = await this.device()
    const opened = await openStored(stored, hooks)
    const { weights, architecture, bytes } = opened
    let done = 0
    const model = await SamModel.load(engine, weights, architecture, {
      ...(size !== null && { inputSize: size }),
      signal,
      onTensor: (_, loaded) => onProgress({ doing: 'Loading the model', done: (done += loaded), total: bytes }),
    })
    await opened.close()
    const kept = await storedAdapter(stored.name, model.inputSize)
    await this.use(stored, model, kept)
    const parameters = `${(bytes / 4e6).toPrecision(3)} M parameters`
    const kind = architecture.kind === 'vit' ? 'ViT' : 'TinyViT'
    return {
      description: `${kind}, ${parameters}`,
      inputSize: model.inputSize,
      adapter: kept?.summary ?? null,
    }
  }

  /** Attaches an adapter, if there is one, and answers requests with the model. */
  private async use(stored: StoredModel, model: SamModel, kept: StoredAdapter | undefined): Promise<void> {
    const adapter = kept ? await attachAdapter(model, kept.adapter, kept.head) : null
    const session = new PromptSession({
      read: ({ name }) => storedPixels(name),
      model: { name: stored.name, adapter: null, size: model.inputSize },
      embeddingBytes: EMBEDDING_BYTES,
      load: async () => ({ model, close() {} }),
    })
    const band = kept && bandOfQuantiles(kept.diameters, model.inputSize)
    this.loaded = { model, session, stored, adapter, band }
  }

  /** Trains an adapter on the base model, stores it, and uses it. */
  async train(
    { samples, validation, minutes, rank, maxSteps }: TrainRequest,
    hooks: CallHooks,
  ): Promise<AdapterSummary> {
    const { model, stored, session, adapter } = this.current
    const { signal, onProgress } = hooks
    // nothing else may use the model while it is trained
    this.loaded = null
    await session.close()
    adapter?.release()
    try {
      onProgress({ doing: 'Compiling shaders, then measuring the base model', done: 0, total: null })
      let total: number | null = null
      const report = (point: TrainPoint, secondsLeft?: number | null) =>
        onProgress({ doing: 'Training', done: point.step, total, secondsLeft, point })
      const labelled = async ({ image, masks }: Labelled) => ({ image: await storedPixels(image), masks })
      const result = await train(model, await Promise.all(samples.map(labelled)), {
        validationSamples: await Promise.all(validation.map(labelled)),
        lora: { rank },
        minutes,
        maxSteps,
        modelName: stored.name,
        signal,
        onStep: ({ step, runningLoss, totalSteps, secondsLeft }) => {
          total = totalSteps
          report({ step, loss: runningLoss }, secondsLeft)
        },
        onValidation: ({ step, score }) => report({ step, score }),
      })
      const { adapter, head, diameters, steps, seconds, base, best } = result
      const names = samples.map(({ image }) => image)
      const summary: AdapterSummary = {
        ...{ images: names, steps, seconds, rank, before: base, after: best?.score ?? null },
        ownImages: validation.some(({ image }) => names.includes(image)),
        time: new Date().toISOString(),
      }
      const kept: StoredAdapter = { adapter, head, diameters, model: stored.name, inputSize: model.inputSize, summary }
      await setValue('adapter', kept)
      return summary
    } finally {
      await this.use(stored, model, await storedAdapter(stored.name, model.inputSize))
    }
  }

  /** Releases the model, if there is one. */
  async close(): Promise<void> {
    const { loaded } = this
    this.loaded = null
    await loaded?.session.close()
    loaded?.adapter?.release()
    loaded?.model.release()
  }

  /** @throws HttpError 503 if no model is open */
  private get current(): Loaded {
    if (!this.loaded) throw new HttpError(503, 'no model is loaded')
    return this.loaded
  }

  async propose(request: ProposeRequest, { signal, onProgress }: CallHooks): Promise<Proposed> {
    const { model, band } = this.current
    const { image: name, ...options } = request
    const info = ((await read('images', name)) as StoredImage).info
    const image = await storedPixels(name)
    const began = performance.now()
    onProgress({ doing: 'Compiling shaders', done: 0, total: null })
    const generator = await MaskGenerator.create(model, { ...options, keepLogits: false })
    try {
      onProgress({ doing: 'Encoding the image', done: 0, total: null })
      const { set } = await candidatesAtScale(
        generator,
        image,
        { diameter: 'auto', band },
        { signal, onProgress: (done, total) => onProgress({ doing: 'Looking for particles', done, total }) },
      )
      const { kept } = filterCandidates(set, generator.options)
      const record = (i: number) => toRecord(set.candidates[i], set.size)
      const records = kept.map(record)
      const stated: Partial<GeneratorOptions> = { ...generator.options }
      return {
        records,
        candidates: {
          version: 1,
          image: info,
          options: stated as Record<string, unknown>,
          candidates: set.candidates.map((_, i) => record(i)),
          overlaps: set.overlaps as [number, number, number][],
        },
        seconds: (performance.now() - began) / 1000,
      }
    } finally {
      generator.destroy()
    }
  }

  encode(image: string, next?: string): Promise<number> {
    const { session } = this.current
    const encoding = session.encode(file(image))
    if (next !== undefined && next !== image) session.encodeAhead(file(next))
    return encoding
  }

  async prompt(image: string, prompt: PromptRequest): Promise<PromptReply> {
    return this.current.session.prompt(file(image), await infoOf(image), prompt)
  }

  async similar(image: string, { examples }: SimilarRequest, { signal }: CallHooks): Promise<SimilarReply> {
    const size = await infoOf(image)
    const { session } = this.current
    const places = await session.similarPlaces(file(image), size, examples.map(decodeMask), signal)
    return { places }
  }

  async similarMasks(
    image: string,
    { examples, points }: SimilarMasksRequest,
    { signal }: CallHooks,
  ): Promise<SimilarMasksReply> {
    const size = await infoOf(image)
    const { session } = this.current
    const masks = await session.similarMasks(file(image), size, examples.map(decodeMask), points, signal)
    return { masks: masks.map((one) => one && withoutPixels(one, size)) }
  }

  get doing(): BusyReply {
    return this.loaded?.session.doing ?? { doing: null }
  }
}

const file = (name: string) => ({ name, path: '' })

/** The weights of a stored model: of files, or downloaded and kept. */
async function openStored(stored: StoredModel, { signal, onProgress }: CallHooks): Promise<OpenedWeights> {
  const files = stored.files.filter(({ name }) => !name.endsWith('.json'))
  const config = stored.files.find(({ name }) => name.endsWith('.json'))
  return openWeights(stored.urls ?? files.map(({ name, blob }) => blobSource(blob, name)), {
    config: config && (JSON.parse(await config.blob.text()) as unknown),
    cache: true,
    ...(stored.sha256 && { sha256: stored.sha256 }),
    signal,
    onProgress: (done, total) => onProgress({ doing: 'Downloading the model', done, total }),
    onRemark: (text) => onProgress({ doing: text, done: 0, total: null }),
  })
}

/** The adapter that was trained for a model at its input size; undefined if there is none. */
async function storedAdapter(model: string, inputSize: number): Promise<StoredAdapter | undefined> {
  const kept = (await read('values', 'adapter')) as StoredAdapter | undefined
  return kept?.model === model && kept.inputSize === inputSize ? kept : undefined
}

async function infoOf(name: string) {
  const stored = await read('images', name)
  if (!stored) throw new HttpError(404, `there is no image named ${name}`)
  return stored.info
}
