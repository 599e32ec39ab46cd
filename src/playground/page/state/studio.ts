/** @file The state of the playground: the device, the model, and the images in the browser's database. */
import { signal } from '@preact/signals'
import { renderScene } from '../../../../engine/synth/scene'
import { Rng } from '../../../../engine/rng'
import { messageOf } from '../../../host/errors'
import { openImage, current, images, refresh, server } from '../../../review/page/state/app'
import { notify } from '../../../review/page/state/notices'
import { count } from '../../../text/count'
import type { GpuReport, OpenedModel, ProposeRequest } from '../../calls'
import { read, setValue, type StoredModel } from '../../store/database'
import { LocalReview } from '../../store/local-review'
import { explain } from '../advice'
import { ask } from '../worker-client'
import { runJob } from './job'

export const gpu = signal<GpuReport | { problem: string; advice: string[] } | null>(null)
export const model = signal<(OpenedModel & { name: string }) | null>(null)
/** The name of the model that is stored but not loaded; null if there is none. */
export const storedModel = signal<string | null>(null)

export const review = await LocalReview.open()

/** What the review page says about the model. */
export const modelOfReview = () =>
  model.value && {
    name: model.value.name,
    adapter: model.value.adapter && `trained on ${count(model.value.adapter.images.length, 'image')}`,
    size: model.value.inputSize,
  }

/** Asks for the device, without waiting for a person. */
export async function findGpu(): Promise<void> {
  try {
    gpu.value = await ask('gpu', null)
  } catch (error) {
    const { text, advice } = explain(error)
    gpu.value = { problem: text, advice }
  }
}

/** A name for a file's image. */
const stem = (name: string) => name.replace(/\.[^.]+$/, '').replace(/[\\/:\u0000-\u001f]/g, '_') || 'image'

export async function addFiles(files: readonly File[]): Promise<void> {
  const added = await runJob(`Reading ${count(files.length, 'file')}`, async ({ signal, onProgress }) => {
    const names: string[] = []
    for (const [i, file] of files.entries()) {
      signal.throwIfAborted()
      onProgress({ doing: file.name, done: i, total: files.length })
      try {
        const image = await ask('read', { file })
        names.push(await review.add(stem(file.name), image))
        for (const remark of image.remarks) notify('note', `${file.name}: ${remark}`)
      } catch (error) {
        // one file that cannot be read does not stop the others
        notify('error', messageOf(error))
      }
    }
    return names
  })
  if (!added?.length) return
  // browsers may otherwise remove what a page stored when the disk is full
  void navigator.storage?.persist?.()
  await refresh()
  await openImage(added[0])
}

/** Adds a synthetic micrograph, drawn now: its picture belongs to nobody. */
export async function addExample(): Promise<void> {
  const seed = new Rng(crypto.getRandomValues(new Uint32Array(1))[0]).uint32()
  const { width, height, image } = renderScene(seed, { width: 512, height: 384, particles: [40, 90], difficulty: 0.25 })
  const pixels = new ImageData(width, height)
  image.forEach((value, i) => pixels.data.set([value, value, value, 255], 4 * i))
  const canvas = new OffscreenCanvas(width, height)
  canvas.getContext('2d')!.putImageData(pixels, 0, 0)
  await addFiles([new File([await canvas.convertToBlob()], 'example.png', { type: 'image/png' })])
}

export async function removeImage(name: string): Promise<void> {
  await review.remove(name)
  await refresh()
  const next = images.value[0]?.info.name
  if (current.value === name && next) await openImage(next)
}

/** Stores the files of a model and opens it. */
export async function chooseModel(files: readonly File[], size: number | null): Promise<void> {
  const [first] = files.filter(({ name }) => !name.endsWith('.json'))
  if (!first) return notify('error', 'A JSON file alone is no model: choose it together with the weights.')
  const stored = files.map((file) => ({ name: file.name, blob: file }))
  await keepModel({ name: stem(first.name), size, files: stored })
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
  const opened = await runJob(`Loading ${stored.name}`, (options) =>
    ask('open', { name: stored.name, size: stored.size }, options),
  )
  if (opened) model.value = { ...opened, name: stored.name }
  await modelChanged()
}

/** The review shows the model, and encodes the open image with it. */
export async function modelChanged(): Promise<void> {
  server.value = null
  await refresh()
  if (current.value && model.value) await openImage(current.value)
}

export type ProposalSettings = Omit<ProposeRequest, 'image'>

/** Lets the model propose masks for images that nobody has edited. */
export async function propose(names: readonly string[], settings: ProposalSettings): Promise<void> {
  const untouched = names.filter((name) => !review.edited(name))
  const found = await runJob(
    `Proposing masks for ${count(untouched.length, 'image')}`,
    async ({ signal, onProgress }) => {
      let masks = 0
      for (const [i, image] of untouched.entries()) {
        const place = untouched.length > 1 ? `${image} (${i + 1} of ${untouched.length}): ` : ''
        const proposed = await ask(
          'propose',
          { image, ...settings },
          { signal, onProgress: (progress) => onProgress({ ...progress, doing: place + progress.doing }) },
        )
        await review.propose(image, proposed)
        masks += proposed.records.length
        if (current.value === image) await openImage(image)
        await refresh()
      }
      return masks
    },
  )
  if (found === null) return
  const kept = names.length - untouched.length
  const none = found ? '' : ' The Filter tab shows what the model found, and lets more of it pass.'
  notify(
    'note',
    `${count(found, 'mask')} proposed.${none}${kept ? ` ${count(kept, 'image')} that you edited or accepted stay as they are.` : ''}`,
  )
}
