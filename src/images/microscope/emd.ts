/** @file Reads images of EMD files (HDF5) in a thread of limited time. */
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { builtFolder } from '../../host/dist-folder'
import type { Image } from '../image'
import type { EmdTask } from './emd-worker'
import type { MicroscopePage } from './metadata'

const WORKER = 'emd-worker.js'
/** Time for any file once the library is loaded, and one second more for every 20 MB, as slow disks need. */
const LIMIT_MS = 5_000
const BYTES_PER_MS = 20_000
/** The name of the program is searched in this many bytes at the file's start. */
const HEAD_BYTES = 2 ** 20

/** What the thread sends: that the library is loaded, so that the time of the file begins, and then its result. */
type Message = { loaded: true } | Reply
type Reply = (Omit<MicroscopePage, 'image'> & { image: Image | null }) | { error: string }

/**
 * Reads an image.
 * @param page image of a stack, from 0
 * @throws Error without the file's name
 */
export async function readEmd(path: string, page: number, maxPixels: number): Promise<MicroscopePage> {
  const { image, ...rest } = await ask({ path, page, maxPixels })
  return { ...rest, image: image! }
}

/** The number of images of the stack. @throws Error without the file's name */
export const countEmdPages = async (path: string): Promise<number> =>
  (await ask({ path, page: null, maxPixels: 0 })).pages

async function ask(task: EmdTask): Promise<Exclude<Reply, { error: string }>> {
  const folder = builtFolder(WORKER)
  if (!folder) throw new Error(`${WORKER} is missing beside the program: build it again with \`npm run build\``)
  const limit = LIMIT_MS + (await stat(task.path)).size / BYTES_PER_MS
  // its output would be the library's own reports
  const worker = new Worker(join(folder, WORKER), { workerData: task, stdout: true, stderr: true })
  try {
    const reply = await replyOf(worker, limit)
    if (!reply) throw new Error(await tooSlow(task.path, limit))
    if ('error' in reply) throw new Error(reply.error)
    return reply
  } finally {
    await worker.terminate()
  }
}

/** The thread's result; null if it takes longer than `limit` milliseconds from when the library is loaded. */
function replyOf(worker: Worker, limit: number): Promise<Reply | null> {
  let timer: NodeJS.Timeout | undefined
  return new Promise<Reply | null>((resolve, reject) => {
    worker.on('message', (message: Message) => {
      if ('loaded' in message) timer = setTimeout(() => resolve(null), limit)
      else resolve(message)
    })
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the HDF5 library ended without a result: the file is damaged')))
  }).finally(() => clearTimeout(timer))
}

async function tooSlow(path: string, limit: number): Promise<string> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    const program = buffer.subarray(0, bytesRead).includes('Velox') ? 'Velox' : 'the program that wrote it'
    return (
      `the HDF5 library did not read it within ${Math.round(limit / 1000)} seconds: it is probably damaged. ` +
      `Open it in ${program} and export the image as TIFF`
    )
  } finally {
    await file.close()
  }
}
