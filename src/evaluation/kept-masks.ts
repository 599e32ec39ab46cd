/**
 * @file Keeps the masks that a contestant has made of each image, and gives them back: so one process compares what several have
 * segmented, and an evaluation that was interrupted continues after its last image.
 */
import { createHash } from 'node:crypto'
import { type CompressedRle, decodeMask, encodeMask } from '../../engine/masks/rle'
import type { Sample } from '../../engine/image/sample'
import { UserError } from '../host/errors'
import type { Contestant } from './compare'
import type { ImageSeconds } from './evaluate'
import type { OpenSegmenter, PromptMode, Proposed } from './segmenter'

/** Where results are kept, by a name. */
export interface ResultStore {
  read<T>(id: string): Promise<T | null>
  write(id: string, result: unknown): Promise<void>
}

interface KeptMasks extends Omit<Proposed, 'masks' | 'seconds'> {
  masks: CompressedRle[]
  seconds: ImageSeconds
}

/** Of a contestant and an image. */
interface KeptImage {
  /** Hash of the pixels and labels. */
  content: string
  modes: Partial<Record<PromptMode, KeptMasks>>
}

export class MaskKeeper {
  /** What was made of the current image. */
  private current: KeptImage = { content: '', modes: {} }
  private readonly contents = new WeakMap<Sample, string>()

  constructor(private readonly store: ResultStore) {}

  /** Whether the contestants' masks of an image are all kept. */
  async has(contestants: readonly { name: string }[], id: string): Promise<boolean> {
    for (const { name } of contestants) if (!(await this.store.read(keyOf(name, id)))) return false
    return true
  }

  /** Must be called after each image, also after one without instances. */
  async finishImage(name: string, id: string): Promise<void> {
    const { current } = this
    this.current = { content: '', modes: {} }
    // of an image whose masks were given back there is nothing new; of one without instances there is nothing at all
    if (Object.keys(current.modes).length || !(await this.store.read(keyOf(name, id))))
      await this.store.write(keyOf(name, id), current)
  }

  /** The contestant, opened only for an image whose masks are not kept. */
  keep(contestant: Contestant): Contestant {
    return { ...contestant, open: async (prompts, signal) => this.segmenter(contestant, prompts, signal) }
  }

  private segmenter(contestant: Contestant, prompts: readonly PromptMode[], signal?: AbortSignal): OpenSegmenter {
    let inner: OpenSegmenter | null = null
    let encoded: { sample: Sample; seconds: number } | null = null
    const opened = async () => (inner ??= await contestant.open(prompts, signal))
    const masksOf = async (
      sample: Sample,
      id: string,
      prompt: PromptMode,
      make: () => Promise<{ proposed: Proposed; seconds: ImageSeconds }>,
    ): Promise<Proposed> => {
      const content = this.contentOf(sample)
      const kept = await this.store.read<KeptImage>(keyOf(contestant.name, id))
      const found = kept?.content === content ? kept.modes[prompt] : undefined
      if (found) return { ...found, masks: found.masks.map(decodeMask) }
      const { proposed, seconds } = await make()
      const { masks, ...rest } = proposed
      const small = masks.map((mask) => encodeMask(mask, sample))
      this.current.content = content
      this.current.modes[prompt] = { ...rest, masks: small, seconds }
      return { ...proposed, seconds }
    }
    return {
      encode: async () => {},
      prompted: (sample, instances, prompt, item) =>
        masksOf(sample, item.id, prompt, async () => {
          const segmenter = await opened()
          if (encoded?.sample !== sample)
            encoded = { sample, seconds: (await timed(() => segmenter.encode(sample))).seconds }
          const made = await timed(() => segmenter.prompted!(sample, instances, prompt, item))
          return { proposed: made.result, seconds: { encode: encoded.seconds, masks: made.seconds } }
        }),
      automatic: (sample, item) =>
        masksOf(sample, item.id, 'auto', async () => {
          const segmenter = await opened()
          const made = await timed(() => segmenter.automatic!(sample, item))
          return { proposed: made.result, seconds: { encode: 0, masks: made.seconds } }
        }),
      close: () => inner?.close(),
    }
  }

  private contentOf(sample: Sample): string {
    let content = this.contents.get(sample)
    if (content === undefined) {
      const { width, height, rgb, labels } = sample
      const bytes = new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength)
      content = createHash('sha256').update(`${width}x${height}`).update(rgb).update(bytes).digest('hex')
      this.contents.set(sample, content)
    }
    return content
  }
}

/** A contestant whose masks are all kept. */
export const onlyKept = (identity: Omit<Contestant, 'open'>): Contestant => ({
  ...identity,
  open: async () => {
    throw new UserError(
      'images or labels have changed since the parts were evaluated: run the parts again, which evaluate those images, and then --merge',
    )
  },
})

const keyOf = (name: string, id: string) => `${name} ${id}`

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const began = performance.now()
  const result = await work()
  return { result, seconds: (performance.now() - began) / 1000 }
}
