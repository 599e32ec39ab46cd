/** @file Finds the parts of the encoder that training does not change, so that their outputs can be cached. */
import type { SamModel } from '../sam/sam-model'

/** The number of the encoder's parts before the first that has an adapter attached; all of them if none has. */
export function countFrozenParts({ parts, linears }: Pick<SamModel, 'parts' | 'linears'>): number {
  const adapted = [...linears].flatMap(([path, { lora, tuned }]) => (lora || tuned ? [path] : []))
  const first = parts.findIndex(({ path }) => adapted.some((layer) => layer.startsWith(`${path}.`)))
  return first < 0 ? parts.length : first
}
