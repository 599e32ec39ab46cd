/** @file How far an image goes through the encoder before anything that trains: what comes out there never changes. */
import type { SamModel } from '../sam/sam-model'

/** Parts of the encoder, from the first, in which nothing trains that is attached now: all of them where nothing of it does. */
export function countFrozenParts({ parts, linears }: Pick<SamModel, 'parts' | 'linears'>): number {
  const trained = [...linears].flatMap(([path, { lora, tuned }]) => (lora || tuned ? [path] : []))
  const first = parts.findIndex(({ path }) => trained.some((layer) => layer.startsWith(`${path}.`)))
  return first < 0 ? parts.length : first
}
