/** @file A prompt as an embedder gives it, its checks, and its form in the engine. */
import type { Size } from '../image/size'
import { type Mask, maskArea } from '../masks/mask'
import { type ImagePrompt, slotsFor } from '../sam/prompt-masks'
import { SettingError } from '../setting-error'

/** One object's prompt, in pixels of the image: points on it or beside it, a box around it, or both; and a mask of it to refine. */
export interface SegmentPrompt {
  /** `foreground` is true by default; false says that the point is not on the object. */
  points?: readonly { x: number; y: number; foreground?: boolean }[]
  /** x0, y0, x1, y1: both corners inclusive. */
  box?: readonly [number, number, number, number]
  /**
   * A mask of the object that the points or the box correct: the `mask` of an earlier result, or one of your own. It lies in the
   * image, and `data` is (height, width) with 1 inside and 0 outside. Takes a segmenter that was made with `masks`.
   */
  mask?: Mask
}

/**
 * @param slots points and box corners that a prompt may have
 * @throws SettingError if it asks for nothing, or for something that is not in the image
 */
export function checkedPrompt(given: SegmentPrompt, image: Size, slots: number): ImagePrompt {
  const { points: listed, box, mask } = given ?? {}
  if (listed && !Array.isArray(listed)) throw new SettingError(`the points of a prompt are a list of ${POINT}`)
  const points = (listed ?? []).map(checkedPoint)
  const corners = box ? cornersOf(box) : []
  const prompt: ImagePrompt = { points, box: box ?? null, ...(mask && { mask: checkedMask(mask, image) }) }
  if (!points.length && !box)
    throw new SettingError(`a prompt needs points or a box${mask ? ', which correct its mask' : ''}`)
  if (slotsFor(prompt) > slots)
    throw new SettingError(
      `a prompt has ${slotsFor(prompt)} entries, the segmenter was made for ${slots}: Segmenter.create(model, { slots: ${slotsFor(prompt)} }) takes it`,
    )
  for (const { x, y } of [...points, ...corners])
    if (!(x >= 0 && y >= 0 && x < image.width && y < image.height))
      throw new SettingError(
        `the prompt's point ${x}, ${y} is not in the image of ${image.width}x${image.height} pixels`,
      )
  if (box && (box[0] > box[2] || box[1] > box[3]))
    throw new SettingError(
      `the box ${box.join(', ')} is empty: it is x0, y0, x1, y1, left before right and top before bottom`,
    )
  return prompt
}

const POINT = '{ x, y } in pixels of the image, with `foreground: false` for what does not belong to the object'

function checkedPoint(point: { x: number; y: number; foreground?: boolean }): ImagePrompt['points'][number] {
  const { x, y, foreground = true } = point ?? {}
  if (typeof x !== 'number' || typeof y !== 'number')
    throw new SettingError(`a point of a prompt is ${POINT}, not ${shown(point)}`)
  return { x, y, foreground }
}

function cornersOf(box: readonly number[]): { x: number; y: number }[] {
  if (!Array.isArray(box) || box.length !== 4 || !box.every((value) => typeof value === 'number'))
    throw new SettingError(`the box of a prompt is four numbers, [x0, y0, x1, y1], not ${shown(box)}`)
  return [
    { x: box[0], y: box[1] },
    { x: box[2], y: box[3] },
  ]
}

/** A value in a message. */
const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 80)

/** @throws SettingError if a mask does not lie in the image, its data do not fit its size, or no pixel is inside */
function checkedMask(mask: Mask, image: Size): Mask {
  const { x0, y0, width, height, data } = mask
  const numbers = [x0, y0, width, height]
  if (!numbers.every((value) => typeof value === 'number'))
    throw new SettingError(
      "the prompt's mask is { x0, y0, width, height, data }, such as the `mask` of an earlier result",
    )
  const whole = numbers.every((value) => Number.isInteger(value) && value >= 0)
  if (!whole || x0 + width > image.width || y0 + height > image.height)
    throw new SettingError(
      `the prompt's mask of ${width}x${height} pixels at ${x0}, ${y0} is not in the image of ${image.width}x${image.height} pixels`,
    )
  if (data?.length !== width * height || data.some((value) => value > 1))
    throw new SettingError(
      `the prompt's mask of ${width}x${height} pixels needs ${width * height} numbers in data, 1 inside and 0 outside: got ${data?.length ?? 'none'}`,
    )
  if (!maskArea(mask)) throw new SettingError("the prompt's mask is empty: leave it out")
  return mask
}
