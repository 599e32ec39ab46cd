import { promptLabel } from '../sam/prompt-labels'
import { resizeLongest } from '../image/model-input'
import type { InstanceBox, LabelMap } from '../image/label-map'
import type { Rng } from '../rng'

export type PromptKind = 'point' | 'box' | 'both'

/**
 * Smaller instances, in pixels, are neither prompted nor counted unless the user asks for it: at the model's input size
 * 16 pixels are one pixel of the low-resolution mask (4 x 4), so nothing smaller can be learned.
 */
export const MIN_INSTANCE_AREA = 16

export interface PromptOptions {
  /** prompts an image */
  count: number
  /** the model's input size, in pixels */
  size: number
  /** relative shares of the kinds; a kind of share 0 never occurs */
  mix?: Record<PromptKind, number>
  /** instances of fewer input pixels are skipped */
  minArea?: number
  /** standard deviation of a box corner as a share of the box's side */
  jitter?: number
  /** a point is the best inside of this many random pixels: 1 is uniform, more is nearer to the middle */
  candidates?: number
}

export interface Prompts {
  /** prompts, always the count asked for */
  count: number
  /** points a prompt: 3 where the mix has 'both', else 2 */
  slots: number
  /** (count, slots, 2): x, y in input pixels, without the encoder's + 0.5 */
  coords: Float32Array
  /** (count, slots): see `promptLabel` */
  labels: Int32Array
  /** (count): the instance each prompt asks for */
  ids: Uint16Array
  kinds: PromptKind[]
  /** instances too small to be asked for */
  skipped: number
}

export const defaultMix: Record<PromptKind, number> = { point: 0.5, box: 0.3, both: 0.2 }
const kinds: PromptKind[] = ['point', 'box', 'both']

/** Slots a prompt takes under a mix; constant over a run, so that a step is recorded once. */
export const promptSlots = (mix: Record<PromptKind, number> = defaultMix): number => (mix.both > 0 ? 3 : 2)

/** How far a pixel is inside its instance: the shortest way out along its row and column. */
function clearance({ width, height, data }: LabelMap, x: number, y: number): number {
  const id = data[y * width + x]
  const same = (px: number, py: number) =>
    px >= 0 && py >= 0 && px < width && py < height && data[py * width + px] === id
  let steps = 1
  while (same(x - steps, y) && same(x + steps, y) && same(x, y - steps) && same(x, y + steps)) steps++
  return steps
}

/** A uniformly random pixel of the instance. */
function pixelInside(labels: LabelMap, box: InstanceBox, rng: Rng): [number, number] {
  const { width, data } = labels
  for (let attempt = 0; attempt < 32; attempt++) {
    const x = box.x0 + rng.int(box.x1 - box.x0 + 1)
    const y = box.y0 + rng.int(box.y1 - box.y0 + 1)
    if (data[y * width + x] === box.id) return [x, y]
  }
  // thin and winding: count off the pixels
  let left = rng.int(box.area)
  for (let y = box.y0; y <= box.y1; y++)
    for (let x = box.x0; x <= box.x1; x++) if (data[y * width + x] === box.id && left-- === 0) return [x, y]
  throw new Error(`instance ${box.id} has fewer than the ${box.area} pixels its record says`)
}

/**
 * Prompts for one image and one step: each asks for an instance by a point inside it, by its box with jitter (as SAM
 * was trained: 10 % of the side, at most 20 of 1024 input pixels), or by both. Instances are drawn without
 * replacement until all have been asked for. Where all are smaller than `minArea`, the largest is taken. The draws
 * depend on `rng` alone.
 */
export function samplePrompts(
  labels: LabelMap,
  instances: readonly InstanceBox[],
  rng: Rng,
  options: PromptOptions,
): Prompts {
  const { count, size, mix = defaultMix, minArea = MIN_INSTANCE_AREA, jitter = 0.1, candidates = 2 } = options
  const total = mix.point + mix.box + mix.both
  if (!kinds.every((kind) => mix[kind] >= 0) || !(total > 0))
    throw new Error(`a mix of prompts needs shares >= 0 of point, box and both, not all zero: ${JSON.stringify(mix)}`)
  if (!instances.length) throw new Error('prompts were asked for an image without instances')

  const valid = resizeLongest(labels.width, labels.height, size)
  const sx = valid.width / labels.width
  const sy = valid.height / labels.height
  let eligible = instances.filter(({ area }) => area * sx * sy >= minArea)
  const skipped = instances.length - eligible.length
  if (!eligible.length) eligible = [instances.reduce((a, b) => (b.area > a.area ? b : a))]

  const slots = promptSlots(mix)
  const prompts: Prompts = {
    count,
    slots,
    coords: new Float32Array(count * slots * 2),
    labels: new Int32Array(count * slots).fill(promptLabel.absent),
    ids: new Uint16Array(count),
    kinds: [],
    skipped,
  }
  const limit = (20 * size) / 1024
  const moved = (at: number, side: number, end: number) => {
    const by = Math.max(-limit, Math.min(limit, rng.normal() * jitter * side))
    return Math.max(0, Math.min(end - 1, at + by))
  }
  let queue: InstanceBox[] = []
  for (let p = 0; p < count; p++) {
    if (!queue.length) queue = rng.shuffle([...eligible])
    const box = queue.pop()!
    let share = rng.next() * total
    const kind = kinds.find((k) => mix[k] > 0 && (share -= mix[k]) < 0) ?? kinds.findLast((k) => mix[k] > 0)!
    prompts.ids[p] = box.id
    prompts.kinds.push(kind)
    let slot = p * slots
    const put = (x: number, y: number, what: number) => {
      prompts.coords.set([x, y], slot * 2)
      prompts.labels[slot++] = what
    }
    if (kind !== 'box') {
      let best: [number, number] = [box.x0, box.y0]
      let inside = 0
      for (let c = 0; c < Math.max(1, candidates); c++) {
        const [x, y] = pixelInside(labels, box, rng)
        const room = clearance(labels, x, y)
        if (room > inside) [best, inside] = [[x, y], room]
      }
      put(best[0] * sx, best[1] * sy, promptLabel.foreground)
    }
    if (kind === 'point') put(0, 0, promptLabel.padding)
    else {
      const [w, h] = [(box.x1 - box.x0 + 1) * sx, (box.y1 - box.y0 + 1) * sy]
      const xs = [moved(box.x0 * sx, w, valid.width), moved(box.x1 * sx, w, valid.width)].sort((a, b) => a - b)
      const ys = [moved(box.y0 * sy, h, valid.height), moved(box.y1 * sy, h, valid.height)].sort((a, b) => a - b)
      put(xs[0], ys[0], promptLabel.boxStart)
      put(xs[1], ys[1], promptLabel.boxEnd)
    }
  }
  return prompts
}
