/**
 * @file The thread that reads EMD files, by h5wasm, the HDF5 library compiled to WebAssembly. In a thread because reading cannot be
 * interrupted: its caller ends the thread after a time limit, so that no file can make the library run forever.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf } from '../../host/errors'
import { findEmdImage, readEmdPixels } from './emd-layout'
import { loadHdf5, openHdf5 } from './hdf5'

export interface EmdTask {
  path: string
  /** Image of a stack, from 0; null only counts them. */
  page: number | null
  maxPixels: number
}

async function main(task: EmdTask): Promise<void> {
  const library = await loadHdf5()
  parentPort!.postMessage({ loaded: true })
  const file = openHdf5(library, task.path)
  const found = findEmdImage(file)
  const { pages, metadata, remarks } = found
  const image = task.page === null ? null : readEmdPixels(found, task.page, task.maxPixels)
  parentPort!.postMessage({ image, pages, metadata, remarks }, image ? [image.data.buffer as ArrayBuffer] : [])
}

main(workerData as EmdTask).catch((error: unknown) => parentPort!.postMessage({ error: messageOf(error) }))
