/** @file The state of an image as the page says it. */
import { imageStates } from '../../../project/review/review-records'
import type { ImageSummary } from '../../protocol'

const NONE = 'no proposals'

export const shownStates = [NONE, ...imageStates] as const
export type ShownState = (typeof shownStates)[number]

/** 'no proposals' for an image for which nothing was proposed yet, or nothing was found, and on which nobody worked. */
export const shownState = ({ state, masks, removed }: Pick<ImageSummary, 'state' | 'masks' | 'removed'>): ShownState =>
  state === 'proposed' && masks + removed === 0 ? NONE : state
