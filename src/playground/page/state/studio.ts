/** @file The state of the playground: the device, the model with its adapter, and proposals. */
import { signal } from '@preact/signals'
import { openImage, current, refresh, server } from '../../../review/page/state/app'
import { notify } from '../../../review/page/state/notices'
import { count } from '../../../text/count'
import type { AdapterSummary, FinderSummary, GpuReport, OpenedModel, StoredAdapter } from '../../calls'
import { keepingProblem, read, setValue } from '../../store/database'
import { LocalReview } from '../../store/local-review'
import type { StoredModel } from '../../store/records'
import { explain } from '../advice'
import { ask } from '../worker-client'
import { runJob } from './job'
import { modelNameOf } from './stem'
import { forgetTypedThresholds } from './typed-thresholds'

export const gpu = signal<GpuReport | { problem: string; advice: string[] } | null>(null)
export const model = signal<(OpenedModel & { name: string }) | null>(null)
/** The name of the model that is stored but not loaded; null if there is none. */
export const storedModel = signal<string | null>(null)
/** Why the browser keeps nothing; null if it does. */
export const notKept = signal<string | null>(null)
/** The least milliseconds that the model took for an image; null before it encoded one. */
export const encodeMs = signal<number | null>(null)

export let review: LocalReview

/** Opens what the browser has kept. */
export async function openReview(): Promise<LocalReview> {
  review = await LocalReview.open()
  notKept.value = await keepingProblem()
  return review
}

/** What the page says about an adapter, in a few words. */
export const adapterName = ({ file, training }: AdapterSummary): string =>
  file ?? `trained on ${count(training?.images.length ?? 0, 'image')}`

/** What the review page says about the model. */
export const modelOfReview = () =>
  model.value && {
    name: model.value.name,
    adapter: model.value.adapter && adapterName(model.value.adapter),
    size: model.value.inputSize,
  }

/** How the open model finds particles: with its adapter, else by itself; null while none is open. */
export const finder = (): FinderSummary | null => model.value?.adapter ?? model.value?.own ?? null

/** What to say of a model that is smaller than it was made for, and has no adapter that was trained so; null if it is not. */
export const smallInput = (): string | null =>
  model.value && !model.value.adapter && model.value.inputSize < model.value.ownSize
    ? `At an input of ${model.value.inputSize} ${model.value.name} finds far less than at its own ${model.value.ownSize}, until an adapter is trained at that size.`
    : null

/** Asks for the device, without waiting for a person. */
export async function findGpu(): Promise<void> {
  try {
    gpu.value = await ask('gpu', null)
  } catch (error) {
    const { text, advice } = explain(error)
    gpu.value = { problem: text, advice }
  }
}

/** Whether the engine runs on the processor. */
export const onProcessor = (): boolean => gpu.value !== null && 'software' in gpu.value && gpu.value.software

/** Stores the files of a model and opens it. */
export async function chooseModel(files: readonly File[], size: number | null): Promise<void> {
  const weights = files.filter(({ name }) => !name.endsWith('.json'))
  if (!weights.length) return notify('error', 'A JSON file alone is no model: choose it together with the weights.')
  const stored = files.map((file) => ({ name: file.name, blob: file }))
  await keepModel({ name: modelNameOf(weights), size, files: stored })
}

/** Downloads a model, once, and opens it. */
export const downloadModel = (model: { name: string; urls: string[]; sha256?: string[] }, size: number | null) =>
  keepModel({ ...model, size, files: [] })

async function keepModel(stored: StoredModel): Promise<void> {
  const saved = await runJob('Storing the model in this browser', async () => {
    await setValue('model', stored)
    return true
  })
  if (saved) await openModel()
}

/** Loads the stored model. */
export async function openModel(): Promise<void> {
  const stored = (await read('values', 'model')) as StoredModel | undefined
  if (!stored) return
  storedModel.value = stored.name
  model.value = null
  encodeMs.value = null
  const adapter = await keptAdapter()
  const opened = await runJob(`Loading ${stored.name}`, (options) => ask('open', { stored, adapter }, options))
  if (opened) model.value = { ...opened, name: stored.name }
  for (const remark of opened?.remarks ?? []) notify('note', remark)
  await modelChanged()
}

/** Loads the stored model with another input size. */
export async function changeInputSize(size: number | null): Promise<void> {
  const stored = (await read('values', 'model')) as StoredModel | undefined
  if (stored) await keepModel({ ...stored, size })
}

async function keptAdapter(): Promise<StoredAdapter | null> {
  const kept = (await read('values', 'adapter')) as StoredAdapter | undefined
  return kept?.profile ? kept : null
}

/** The review shows the model, and encodes the open image with it. */
export async function modelChanged(): Promise<void> {
  server.value = null
  await refresh()
  if (current.value && model.value) await openImage(current.value)
}

/** Keeps an adapter that is attached to the model already. */
export async function keepAdapter(adapter: StoredAdapter): Promise<void> {
  await setValue('adapter', adapter)
  forgetTypedThresholds()
  model.value = model.value && { ...model.value, adapter: adapter.summary }
}

/** Attaches an adapter from files to the open model. */
export async function chooseAdapter(files: readonly File[]): Promise<void> {
  if (!model.value) return notify('error', 'An adapter belongs to a model: choose the model first.')
  const adapter = await runJob('Reading the adapter', async ({ onProgress }) => {
    const read = await ask('readAdapter', { files: [...files] })
    onProgress({ doing: 'Attaching it to the model', done: 0, total: null })
    await ask('adapt', { adapter: read })
    await keepAdapter(read)
    return read
  })
  if (!adapter) return
  const { size } = adapter.profile
  const { inputSize } = model.value
  const other =
    size && size !== inputSize ? ` It was trained at an input of ${size}, the model is open at ${inputSize}.` : ''
  notify('note', `${adapterName(adapter.summary)} is used with ${model.value.name}.${other}`)
  await modelChanged()
}

/** Forgets the adapter and returns to the base model. */
export async function forgetAdapter(): Promise<void> {
  await runJob('Removing the adapter', async () => {
    await setValue('adapter', undefined)
    forgetTypedThresholds()
    await ask('adapt', { adapter: null })
    model.value = model.value && { ...model.value, adapter: null }
  })
  await modelChanged()
}
