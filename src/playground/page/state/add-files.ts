/** @file Files that a person gives: images are added, and models and adapters are opened. */
import { renderScene } from '../../../../engine/synth/scene'
import { Rng } from '../../../../engine/rng'
import { messageOf } from '../../../host/errors'
import { openImage, current, images, refresh } from '../../../review/page/state/app'
import { notify } from '../../../review/page/state/notices'
import { count } from '../../../text/count'
import { ask } from '../worker-client'
import { sortFiles } from './file-kinds'
import { runJob } from './job'
import { stem } from './stem'
import { chooseAdapter, chooseModel, review } from './studio'

/** Takes files of any kind: those that were dropped on the page. */
export async function addFiles(files: readonly File[]): Promise<void> {
  const { pictures, weights, adapter } = sortFiles(files)
  if (weights.length) await chooseModel(weights, null)
  if (adapter.length) await chooseAdapter(adapter)
  if (pictures.length) await addImages(pictures)
}

async function addImages(files: readonly File[]): Promise<void> {
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
  await addImages([new File([await canvas.convertToBlob()], 'example.png', { type: 'image/png' })])
}

export async function removeImage(name: string): Promise<void> {
  await review.remove(name)
  await refresh()
  const next = images.value[0]?.info.name
  if (current.value === name && next) await openImage(next)
}
