/** @file A thread that decodes, varies and cuts images to what a training step takes; see helpers.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf, UserError } from '../host/errors'
import type { HelperAnswer, HelperData, HelperTask } from './worker-pool'
import { InThread } from './preparation'

const { config, cacheBytes } = workerData as HelperData
const preparation = new InThread(config, cacheBytes)

parentPort!.on('message', async ({ id, item, seed }: HelperTask) => {
  const answer = (value: HelperAnswer, moved: ArrayBuffer[] = []) => parentPort!.postMessage(value, moved)
  try {
    const example = await preparation.make(item, seed)
    const parts = [example.image, example.coords, example.labels, example.targets, example.supervision]
    answer({ id, example }, [...new Set(parts.map(({ buffer }) => buffer as ArrayBuffer))])
  } catch (error) {
    answer({ id, error: messageOf(error), user: error instanceof UserError })
  }
})
