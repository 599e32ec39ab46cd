/** @file A prompt of the generator: a point, or a point and a box. */
import type { Point, Region } from '../image/box'
import { AMBIGUOUS_MASKS } from '../sam/mask-tokens'
import { promptLabel } from '../sam/prompt-labels'

export interface Prompt {
  point: Point
  /** The extent of the object, its edges between pixels as those of any region, but not necessarily whole numbers. */
  box?: Region
}

/** Entries of a prompt that is a point: the point, and the padding entry that the reference adds to prompts without a box. */
export const POINT_SLOTS = 2
/** Entries of a prompt that may have a box: the point and two corners. */
export const BOX_SLOTS = 3

/** The mask tokens that a prompt's masks are taken from, in order. */
export interface TokenRange {
  first: number
  count: number
}

/** Tokens 1 to 3: the masks of an ambiguous prompt. */
export const ambiguousTokens: TokenRange = { first: 1, count: AMBIGUOUS_MASKS }
/** Token 0: the mask of a prompt that says what is meant, such as one with a box. */
export const singleToken: TokenRange = { first: 0, count: 1 }

/** The entries of prompts, with coordinates multiplied by a scale for each axis. */
export function promptEntries(
  prompts: readonly Prompt[],
  slots: number,
  [scaleX, scaleY]: readonly [number, number],
): { coords: Float32Array; labels: Int32Array } {
  const coords = new Float32Array(prompts.length * slots * 2)
  const labels = new Int32Array(prompts.length * slots).fill(promptLabel.absent)
  prompts.forEach(({ point, box }, i) => {
    const scaled = ([x, y]: Point): Point => [x * scaleX, y * scaleY]
    coords.set(scaled(point), 2 * slots * i)
    if (!box) return labels.set([promptLabel.foreground, promptLabel.padding], slots * i)
    // a box is given by its outermost pixels, of which a box of less than a pixel has one
    const [right, bottom] = [Math.max(box.left, box.right - 1), Math.max(box.top, box.bottom - 1)]
    coords.set([...scaled([box.left, box.top]), ...scaled([right, bottom])], 2 * slots * i + 2)
    labels.set([promptLabel.foreground, promptLabel.boxStart, promptLabel.boxEnd], slots * i)
  })
  return { coords, labels }
}

/** A prompt moved by whole pixels. */
export const movePrompt = ({ point: [x, y], box }: Prompt, dx: number, dy: number): Prompt => ({
  point: [x + dx, y + dy],
  ...(box && {
    box: { left: box.left + dx, top: box.top + dy, right: box.right + dx, bottom: box.bottom + dy },
  }),
})
