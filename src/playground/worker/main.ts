/** @file The playground's worker: answers the page's calls. */
import type { CallName, Calls, FromWorker, Progress, ToWorker } from '../calls'
import { callError } from './gpu'
import { readFile } from './read-file'
import { type CallHooks, Studio } from './studio'

const studio = new Studio()

const answers: { [C in CallName]: (request: Calls[C]['request'], hooks: CallHooks) => Promise<Calls[C]['result']> } = {
  gpu: async () => (await studio.device()).report,
  read: ({ file }) => readFile(file),
  open: (request, hooks) => studio.open(request, hooks),
  propose: (request, hooks) => studio.propose(request, hooks),
  train: (request, hooks) => studio.train(request, hooks),
  encode: async ({ image, next }) => studio.encode(image, next),
  prompt: ({ image, prompt }) => studio.prompt(image, prompt),
  similar: ({ image, ...request }, hooks) => studio.similar(image, request, hooks),
  similarMasks: ({ image, ...request }, hooks) => studio.similarMasks(image, request, hooks),
  busy: async () => studio.doing,
}

const send = (message: FromWorker) => (self as unknown as Worker).postMessage(message)
const running = new Map<number, AbortController>()

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  const { id } = data
  if ('stop' in data) return running.get(id)?.abort()
  const controller = new AbortController()
  running.set(id, controller)
  const hooks = { signal: controller.signal, onProgress: (progress: Progress) => send({ id, progress }) }
  try {
    const answer = answers[data.call] as (request: unknown, hooks: CallHooks) => Promise<unknown>
    send({ id, result: await answer(data.request, hooks) })
  } catch (error) {
    send({ id, error: callError(error, controller.signal) })
  } finally {
    running.delete(id)
  }
}
