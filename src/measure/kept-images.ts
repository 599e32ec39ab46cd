/** @file The measured images that the parts of a divided measurement leave, and the merging of them. */
import { createHash } from 'node:crypto'
import type { Measured, MeasuredImage, Unmeasured } from './measured-image'
import type { Masks } from './sources/source'

export type ImageOutcome = { image: MeasuredImage } | { unmeasured: Unmeasured }

/** Where outcomes are kept, by the name of the image. */
export interface OutcomeStore {
  read<T>(name: string): Promise<T | null>
  write(name: string, kept: unknown): Promise<void>
}

interface Kept {
  /** Of what was measured; null if it could not be read, which is tried again. */
  content: string | null
  outcome: ImageOutcome
}

/** The outcome of an image that was measured with the same content; null if there is none. */
export async function recall(
  store: OutcomeStore | undefined,
  name: string,
  content: string,
): Promise<ImageOutcome | null> {
  const kept = await store?.read<Kept>(name)
  return kept && kept.content === content ? kept.outcome : null
}

export const keep = async (
  store: OutcomeStore | undefined,
  name: string,
  content: string | null,
  outcome: ImageOutcome,
): Promise<void> => store?.write(name, { content, outcome } satisfies Kept)

/** Hash of masks and image as they were read: a project may be edited between two runs. */
export function contentOf(masks: Masks, group: string): string {
  const { masks: runs, gray, ...rest } = masks
  const hash = createHash('sha256').update(JSON.stringify([rest, group]))
  for (const { id, stability, runs: list } of runs) hash.update(JSON.stringify([id, stability, [...list]]))
  if (gray) {
    const { data, ...size } = gray
    hash.update(JSON.stringify(size)).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return hash.digest('hex')
}

/**
 * The images in the order of `names`. @param pictures largest number of images with a picture: a part, which does not know how many
 * come before its own, keeps at least those
 */
export async function mergeMeasured(
  names: readonly string[],
  store: OutcomeStore,
  pictures: number,
): Promise<{ measured: Measured; done: Set<string> }> {
  const measured: Measured = { images: [], unmeasured: [], stopped: false }
  const done = new Set<string>()
  for (const name of names) {
    const kept = await store.read<Kept>(name)
    if (!kept) continue
    done.add(name)
    const { outcome } = kept
    if ('unmeasured' in outcome) measured.unmeasured.push(outcome.unmeasured)
    else measured.images.push(measured.images.length < pictures ? outcome.image : { ...outcome.image, picture: null })
  }
  return { measured, done }
}
