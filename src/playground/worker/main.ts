/** @file The playground's worker: answers the page's calls. It keeps nothing: what it needs comes with the calls. */
import { decodeMask } from '../../../engine/masks/rle'
import { withoutPixels } from '../../review/similar-search'
import type { CallName, Calls, FromWorker, Picture, Progress, ToWorker } from '../calls'
import { readAdapter } from './adapter-file'
import { callError } from './gpu'
import { countTiles, propose } from './propose'
import { readFile } from './read-file'
import { type CallHooks, Studio } from './studio'
import { forecast, Training } from './training'

const studio = new Studio()
let training: Training | null = null

/** An image as the review's session names it. */
const file = ({ id }: Picture) => ({ name: id, path: '' })

const answers: { [C in CallName]: (request: Calls[C]['request'], hooks: CallHooks) => Promise<Calls[C]['result']> } = {
  gpu: async () => (await studio.device()).report,
  read: ({ file }) => readFile(file),
  open: (request, hooks) => studio.open(request, hooks),
  adapt: ({ adapter }) => studio.adapt(adapter),
  readAdapter: async ({ files }) => readAdapter(await studio.current(), files),
  propose: async (request, hooks) => propose(await studio.current(), request, hooks),
  countTiles: async (request) => countTiles(await studio.current(), request),
  forecast: async (request) => forecast((await studio.current()).model, request),
  train: async (request, hooks) => {
    const now = (training = new Training())
    return studio.lend((model, stored) => now.run(model, stored, request, hooks)).finally(() => (training = null))
  },
  endTraining: async (how) => {
    training?.end(how)
    return null
  },
  encode: async ({ picture, next }) => {
    const session = await studio.sessionFor(picture, ...(next ? [next] : []))
    const encoding = session.encode(file(picture))
    if (next && next.id !== picture.id) session.encodeAhead(file(next))
    return encoding
  },
  prompt: async ({ picture, prompt }) => (await studio.sessionFor(picture)).prompt(file(picture), picture.info, prompt),
  similar: async ({ picture, examples }, { signal }) => {
    const session = await studio.sessionFor(picture)
    return { places: await session.similarPlaces(file(picture), picture.info, examples.map(decodeMask), signal) }
  },
  similarMasks: async ({ picture, examples, points }, { signal }) => {
    const session = await studio.sessionFor(picture)
    const masks = await session.similarMasks(file(picture), picture.info, examples.map(decodeMask), points, signal)
    return { masks: masks.map((one) => one && withoutPixels(one, picture.info)) }
  },
  busy: async () => studio.doing,
}

const send = (message: FromWorker) => (self as unknown as Worker).postMessage(message)
const running = new Map<number, { stop: AbortController; finish: AbortController }>()

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  const { id } = data
  if ('stop' in data) return running.get(id)?.stop.abort()
  if ('finish' in data) return running.get(id)?.finish.abort()
  const [stop, finish] = [new AbortController(), new AbortController()]
  running.set(id, { stop, finish })
  const { signal } = stop
  const hooks = { signal, finish: finish.signal, onProgress: (progress: Progress) => send({ id, progress }) }
  try {
    const answer = answers[data.call] as (request: unknown, hooks: CallHooks) => Promise<unknown>
    send({ id, result: await answer(data.request, hooks) })
  } catch (error) {
    send({ id, error: callError(error, signal) })
    await studio.replaceFailedDevice()
  } finally {
    running.delete(id)
  }
}
