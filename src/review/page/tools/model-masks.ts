/** @file Asks the model for the masks of a prompt, and whether such a mask is there already. */
import { type Mask, maskArea } from '../../../../engine/masks/mask'
import { maskOverlap } from '../../../../engine/masks/mask-algebra'
import { decodeMask, encodeMask } from '../../../../engine/masks/rle'
import type { PromptRequest } from '../../protocol'
import { api } from '../api'
import { tidied } from '../masks/shape'
import { encoding } from '../state/app'
import type { ImageSession, MaskEntry } from '../state/image-session'
import { windowName } from '../state/outbox'
import { tidy } from '../state/prefs'

/** Points and a box, and the mask that they correct if there is one already. */
export interface Prompt extends Omit<PromptRequest, 'window' | 'purpose' | 'mask'> {
  mask?: Mask
}

/** One of the model's masks for a prompt. */
export interface ModelMask {
  mask: Mask
  predictedIou: number
  stability: number
}

/** The IoU from which a new mask is the same particle as one that is there. */
const SAME_PARTICLE = 0.7

/** The model's masks, the best first. @throws ApiError, or the abort reason */
export async function askModel(
  session: ImageSession,
  { mask: corrected, ...prompt }: Prompt,
  purpose: PromptRequest['purpose'],
  signal: AbortSignal,
): Promise<{ masks: ModelMask[]; ms: number }> {
  const mask = corrected && encodeMask(corrected, session.info)
  const { masks, ms } = await api.prompt(session.name, { window: windowName, purpose, ...prompt, mask }, signal)
  if (purpose !== 'hover' && !signal.aborted) encoding.value = { state: 'ready' }
  return {
    ms,
    masks: masks
      .map(({ segmentation, ...measures }) => ({ mask: decodeMask(segmentation), ...measures }))
      .map((found) => (tidy.value ? { ...found, mask: tidied(found.mask) } : found))
      .filter(({ mask }) => mask.width > 0),
  }
}

/** The mask of the session that shows the same particle, if any. */
export function sameParticle(session: ImageSession, mask: Mask): MaskEntry | undefined {
  const area = maskArea(mask)
  return session.near(mask).find((entry) => {
    const shared = maskOverlap(entry.mask, mask)
    return shared >= SAME_PARTICLE * (entry.area + area - shared)
  })
}
