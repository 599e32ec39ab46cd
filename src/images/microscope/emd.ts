/** @file Reads images of EMD files (HDF5) in a thread of limited time. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { builtFolder } from '../../host/dist-folder'
import type { Image } from '../image'
import type { EmdTask } from './emd-worker'
import type { MicroscopePage } from './metadata'

const WORKER = 'emd-worker.js'
/** Time for any file, and for each byte of a large one: the slowest disks read 10 MB in a second. */
const LIMIT_MS = 20_000
const BYTES_PER_MS = 10_000

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
    const reply = await new Promise<Reply>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`it was not read within ${Math.round(limit / 1000)} seconds`)),
        limit,
      )
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => reject(new Error('the HDF5 library ended without a result: the file is damaged')))
      worker.once('exit', () => clearTimeout(timer))
      worker.once('message', () => clearTimeout(timer))
    })
    if ('error' in reply) throw new Error(reply.error)
    return reply
  } finally {
    await worker.terminate()
  }
}
