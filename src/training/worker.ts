/** @file Worker thread that decodes images and makes examples of them; see worker-pool.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf, UserError } from '../host/errors'
import type { WorkerData, WorkerReply, WorkerTask } from './worker-pool'
import { inThread } from './preparation'

const { config, sizes, cacheBytes } = workerData as WorkerData
const preparation = inThread(config, sizes, cacheBytes)

parentPort!.on('message', async ({ id, item, seed }: WorkerTask) => {
  const reply = (value: WorkerReply, transfer: ArrayBuffer[] = []) => parentPort!.postMessage(value, transfer)
  try {
    const example = await preparation.make(item, seed)
    const { image, coords, labels, targets, supervision, headTargets } = example
    const parts = [image, coords, labels, targets, supervision, ...(headTargets ? [headTargets] : [])]
    reply({ id, example }, [...new Set(parts.map(({ buffer }) => buffer as ArrayBuffer))])
  } catch (error) {
    reply({ id, error: messageOf(error), user: error instanceof UserError })
  }
})
