/** @file The model in the worker: opened for the page, asked for masks by the review, and lent to proposals and trainings. */
import { attachAdapter, type AttachedAdapter, type DiameterBand, type Engine, SamModel } from '../../../engine/index'
import { adapterBand } from '../../../engine/scale/adapter-band'
import { HttpError } from '../../host/http-error'
import { PromptSession } from '../../review/prompt-session'
import type { BusyReply } from '../../review/protocol'
import { blobSource, type OpenedWeights, openWeights } from '../../web'
import type { GpuReport, OpenedModel, OpenRequest, Picture, Progress, StoredAdapter } from '../calls'
import type { StoredModel } from '../store/records'
import { openGpu } from './gpu'
import { knownSettings, MERGED } from './known-settings'
import { pixelsOf } from './pixels'
import { PictureViews } from './picture-views'

export interface CallHooks {
  signal: AbortSignal
  /** Ends the work with what there is until then. */
  finish: AbortSignal
  onProgress(progress: Progress): void
}

/** A model that answers. */
export interface Loaded {
  model: SamModel
  stored: StoredModel
  adapter: AttachedAdapter | null
  /** The sizes of particles that it knows. */
  band: DiameterBand
  session: PromptSession
}

/** Memory for the embeddings of images: a page must leave some to other pages. */
const EMBEDDING_BYTES = 128 * 2 ** 20

const NEVER = new AbortController().signal
const SILENT: CallHooks = { signal: NEVER, finish: NEVER, onProgress: () => {} }

export class Studio {
  private gpu: Promise<{ engine: Engine; report: GpuReport }> | null = null
  private loaded: Loaded | null = null
  /** What is to be loaded again when the device was lost; null while no model is open. */
  private wanted: OpenRequest | null = null
  private reopening: Promise<unknown> | null = null
  private training = false
  private readonly views = new PictureViews()

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

  async open(request: OpenRequest, hooks: CallHooks): Promise<OpenedModel> {
    const { stored } = request
    await this.close()
    const { model, opened } = await this.load(stored, hooks)
    this.wanted = request
    const kept = usable(request.adapter, stored, model)
    // before an adapter's takes its place
    const head = model.promptHead !== null
    await this.use(model, stored, kept)
    const { architecture, bytes, remarks } = opened
    const kind = architecture.kind === 'vit' ? 'ViT' : 'TinyViT'
    return {
      description: `${kind}, ${(bytes / 4e6).toPrecision(3)} M parameters`,
      inputSize: model.inputSize,
      ownSize: model.ownSize,
      own: { head, ...knownSettings(model.profile, head, MERGED) },
      // what is known of an adapter is said again, also of one that an earlier version of the page has kept
      adapter: kept && { ...kept.summary, ...knownSettings(kept.profile, kept.head.length > 0) },
      remarks,
    }
  }

  private async load(stored: StoredModel, hooks: CallHooks): Promise<{ model: SamModel; opened: OpenedWeights }> {
    const { signal, onProgress } = hooks
    const { engine } = await this.device()
    const opened = await openStored(stored, hooks)
    try {
      const { weights, architecture, bytes } = opened
      let done = 0
      const model = await SamModel.load(engine, weights, architecture, {
        ...(stored.size !== null && { inputSize: stored.size }),
        signal,
        onTensor: (_, loaded) => onProgress({ doing: 'Loading the model', done: (done += loaded), total: bytes }),
      })
      return { model, opened }
    } finally {
      await opened.close()
    }
  }

  /** Attaches an adapter, if there is one, and answers requests with the model. */
  private async use(model: SamModel, stored: StoredModel, kept: StoredAdapter | null): Promise<void> {
    const adapter = kept && (await attachAdapter(model, kept.adapter, kept.head))
    const band = adapterBand(kept ? kept.profile : model.profile, model)
    const session = new PromptSession({
      read: ({ name }) => pixelsOf(this.views.picture(name).pixels),
      viewOf: (id, inputSize) => this.views.viewOf(id, inputSize, band),
      model: { name: stored.name, adapter: null, size: model.inputSize },
      embeddingBytes: EMBEDDING_BYTES,
      load: async () => ({ model, close() {} }),
    })
    this.views.forget()
    this.loaded = { model, stored, adapter, band, session }
  }

  /** Attaches another adapter to the open model, or none. */
  async adapt(adapter: StoredAdapter | null): Promise<null> {
    const { model, stored } = await this.release()
    this.wanted = { stored, adapter }
    await this.use(model, stored, usable(adapter, stored, model))
    return null
  }

  /** Lends the base model without its session and adapter to a training; afterwards the adapter that it yields is used. */
  async lend(
    work: (model: SamModel, stored: StoredModel) => Promise<StoredAdapter | null>,
  ): Promise<StoredAdapter | null> {
    const before = this.wanted?.adapter ?? null
    const { model, stored } = await this.release()
    this.training = true
    let trained: StoredAdapter | null = null
    try {
      trained = await work(model, stored)
      return trained
    } finally {
      this.training = false
      this.wanted = { stored, adapter: trained ?? before }
      // a lost device took the model with it: the next call loads it again
      if (this.gpu) await this.use(model, stored, usable(this.wanted.adapter, stored, model)).catch(() => {})
    }
  }

  /** Takes the model away from requests. */
  private async release(): Promise<Loaded> {
    const loaded = await this.current()
    this.loaded = null
    await loaded.session.close()
    loaded.adapter?.release()
    return loaded
  }

  private async close(): Promise<void> {
    const { loaded } = this
    this.loaded = this.wanted = null
    await loaded?.session.close()
    loaded?.adapter?.release()
    loaded?.model.release()
  }

  /** The model; loaded again if its device was lost. @throws HttpError 503 if no model is open, or it is being trained */
  async current(): Promise<Loaded> {
    if (this.training) throw new HttpError(503, 'the model is being trained')
    if (!this.loaded && this.wanted)
      await (this.reopening ??= this.open(this.wanted, SILENT).finally(() => (this.reopening = null)))
    if (!this.loaded) throw new HttpError(503, 'no model is loaded')
    return this.loaded
  }

  /** Gives up a device that has failed, after which its results would be wrong: the next call loads the model on another. */
  async replaceFailedDevice(): Promise<void> {
    const opened = await this.gpu?.catch(() => null)
    try {
      opened?.engine.check()
    } catch {
      this.gpu = this.loaded = null
      opened?.engine.device.destroy()
    }
  }

  /** The session that answers prompts, with an image for it to see. */
  async sessionFor(...pictures: Picture[]): Promise<PromptSession> {
    for (const picture of pictures) this.views.add(picture)
    return (await this.current()).session
  }

  get doing(): BusyReply {
    return this.loaded?.session.doing ?? { doing: this.reopening ? 'loading the model' : null }
  }
}

/** An adapter, if it is of this model at this input size. */
const usable = (adapter: StoredAdapter | null, { name }: StoredModel, { inputSize }: SamModel): StoredAdapter | null =>
  adapter?.model === name && adapter.inputSize === inputSize ? adapter : null

/** The weights of a stored model: of files, or downloaded and kept. */
async function openStored(stored: StoredModel, { signal, onProgress }: CallHooks): Promise<OpenedWeights> {
  const files = stored.files.filter(({ name }) => !name.endsWith('.json'))
  const config = stored.files.find(({ name }) => name.endsWith('.json'))
  const remarks: string[] = []
  const opened = await openWeights(stored.urls ?? files.map(({ name, blob }) => blobSource(blob, name)), {
    config: config && (JSON.parse(await config.blob.text()) as unknown),
    cache: true,
    ...(stored.sha256 && { sha256: stored.sha256 }),
    signal,
    onProgress: (done, total) => onProgress({ doing: 'Downloading the model', done, total }),
    onRemark: (text) => remarks.push(text),
  })
  return { ...opened, remarks: [...opened.remarks, ...remarks] }
}
