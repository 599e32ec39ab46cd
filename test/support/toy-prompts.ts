/** @file A prompt session with a toy model and four images, as tests of it need. */
import * as assert from 'uvu/assert'
import { join } from 'node:path'
import { HttpError } from '../../src/host/http-error'
import { writePng } from '../../src/images/png-writer'
import type { ImageFile } from '../../src/review/encoded-parts'
import { PromptSession, type PromptSessionOptions } from '../../src/review/prompt-session'
import type { PromptRequest } from '../../src/review/protocol'
import { readPixels } from '../../src/review/read-pixels'
import { scratch } from './files'
import { openToy, toyImages } from './toy'

export const SIDE = 48
export const size = { width: 60, height: 40 }
export const model = await openToy('toy_vit', SIDE)

export const dir = scratch()
export const rgb = new Map<string, Uint8Array>()
for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) {
  const data = Uint8Array.from(toyImages(i, 1, 60).subarray(0, 60 * 40 * 3))
  rgb.set(name, data)
  await writePng(join(dir, `${name}.png`), { ...size, channels: 3, data })
}
export const image = (name: string): ImageFile => ({ name, path: join(dir, `${name}.png`) })
export const embeddingBytes = model.side ** 2 * model.architecture.decoder.dim * 4

/** How often the model was loaded. */
export const counted = { loads: 0 }
export const open = (over: Partial<PromptSessionOptions> = {}) =>
  new PromptSession({
    read: readPixels,
    model: { name: 'toy', adapter: null, size: SIDE },
    load: async () => {
      counted.loads++
      return { model, close() {} }
    },
    ...over,
  })

export const point = (x: number, y: number, foreground = true) => ({ x, y, foreground })
type Unmasked = Omit<PromptRequest, 'mask'>
export const prompt = (over: Partial<Unmasked> = {}): Unmasked => ({
  window: 'w',
  points: [point(30, 20)],
  box: null,
  ...over,
})

/** The error with which the session refuses. */
export const refused = async (action: Promise<unknown>): Promise<HttpError> => {
  try {
    await action
  } catch (error) {
    assert.instance(error, HttpError)
    return error as HttpError
  }
  throw new Error('it was not refused')
}
