/** @file How large the particles are that were prompted, from the prompts' boxes or from the masks that answer them. */
import type { Box } from '../image/box'
import { equivalentDiameter } from '../masks/equivalent-diameter'
import { type Mask, maskArea, maskBox, maskContains } from '../masks/mask'
import { trimMask } from '../masks/mask-algebra'
import type { ImagePrompt } from '../sam/prompt-masks'
import { measuredSize, type ParticleSize } from './particle-size'

/** The masks of each prompt, the best first. */
type Answers = readonly (readonly { mask: Mask }[])[]

/** The diameter and length of the ellipse that fills a box. */
export function sizeOfBox([x0, y0, x1, y1]: NonNullable<ImagePrompt['box']>): { diameter: number; length: number } {
  const [width, height] = [x1 - x0 + 1, y1 - y0 + 1]
  return { diameter: Math.sqrt(width * height), length: Math.max(width, height) }
}

/** The size of the particles, from their boxes or their masks as far as these can be their own (see reaches). */
export function sizeOfAnswers(prompts: readonly ImagePrompt[], answers: Answers): ParticleSize | null {
  const reach = reaches(prompts, answers)
  return measuredSize(
    answers.map(([{ mask }], i) => {
      const { box } = prompts[i]
      if (box) return sizeOfBox(box)
      const tight = trimMask(mask)
      return {
        diameter: Math.min(reach[i], equivalentDiameter(maskArea(tight))),
        length: Math.min(2 * reach[i], Math.max(tight.width, tight.height)),
      }
    }),
  )
}

/** The boxes of the masks as far as these can be the particle's own; null for a mask without a pixel. */
export function extentsOf(prompts: readonly ImagePrompt[], answers: Answers): (Box | null)[] {
  const reach = reaches(prompts, answers)
  return answers.map(([{ mask }], i) => {
    const tight = trimMask(mask)
    if (!tight.width) return null
    const { x0, y0, x1, y1 } = maskBox(tight)
    const [x, y] = centreOf(prompts[i])
    return {
      x0: Math.max(x0, x - reach[i]),
      y0: Math.max(y0, y - reach[i]),
      x1: Math.min(x1, x + reach[i]),
      y1: Math.min(y1, y + reach[i]),
    }
  })
}

/**
 * How far each particle can extend from its prompt, pixels. Where particles are too small for the model, a mask covers many of them.
 * Prompts are of different particles, so one whose mask covers other prompts ends before the next of these. Else nothing is known: elongated
 * particles that lie side by side are longer than their prompts are apart.
 */
function reaches(prompts: readonly ImagePrompt[], answers: Answers): number[] {
  const centres = prompts.map(centreOf)
  return answers.map(([{ mask }], i) => {
    const [x, y] = centres[i]
    const covered = centres.filter(([u, v]) => maskContains(mask, Math.round(u), Math.round(v)))
    const distances = covered.map(([u, v]) => Math.hypot(u - x, v - y))
    return Math.min(Infinity, ...distances.filter((distance) => distance > 0))
  })
}

/** A point inside the object. */
function centreOf({ points, box }: ImagePrompt): [number, number] {
  if (box) return [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
  const { x, y } = points.find(({ foreground }) => foreground) ?? points[0]
  return [x, y]
}
