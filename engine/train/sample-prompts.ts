/** @file Samples the prompts of a training image from its label map. */
import { promptLabel } from '../sam/prompt-labels'
import { resizeLongest } from '../image/model-input'
import type { InstanceBox, LabelMap } from '../image/label-map'
import type { Rng } from '../rng'

/** A point, a box, or a point and a box. */
export type PromptKind = 'point' | 'box' | 'both'

/**
 * Smaller instances, in pixels, are neither prompted nor counted unless the user asks for it: at the model's input size
 * 16 pixels are one pixel of the low-resolution mask (4 x 4), so nothing smaller can be learned.
 */
export const MIN_INSTANCE_AREA = 16

/** How prompts are sampled from a label map. */
export interface PromptOptions {
  /** Number of prompts. */
  count: number
  /** The model's input size, in pixels. */
  size: number
  /** Relative frequencies of the kinds, 0 or more; `defaultMix` by default. */
  mix?: Record<PromptKind, number>
  /** Instances of fewer input pixels are skipped; MIN_INSTANCE_AREA by default. */
  minArea?: number
  /** Standard deviation of a box corner, as a fraction of the box's side; 0.1 by default. */
  jitter?: number
  /**
   * A point is the one furthest inside of this many random pixels: 1 is uniform, more are nearer the middle. 2 by
   * default.
   */
  candidates?: number
}

/** Sampled prompts in the layout of a micro-batch. */
export interface Prompts {
  /** Number of prompts. */
  count: number
  /** Entries of a prompt, see `promptSlots`. */
  slots: number
  /** (count, slots, 2): x and y in input pixels, without the 0.5 that the prompt encoder adds. */
  coords: Float32Array
  /** (count, slots), see `promptLabel`. */
  labels: Int32Array
  /** (count): the id of each prompt's instance. */
  ids: Uint16Array
  /** The kind of each prompt. */
  kinds: PromptKind[]
  /** Number of instances that are too small to be prompted. */
  skipped: number
}

const defaultMix: Record<PromptKind, number> = { point: 0.5, box: 0.3, both: 0.2 }
const kinds: PromptKind[] = ['point', 'box', 'both']

/**
 * Entries of a prompt: 3 if the mix has prompts of both kinds, else 2. The same for all prompts, so that a step is
 * recorded once.
 * @example
 * promptSlots({ point: 1, box: 1, both: 0 }) // 2: a point with padding, or two corners
 */
export const promptSlots = (mix: Record<PromptKind, number> = defaultMix): number => (mix.both > 0 ? 3 : 2)

/** The distance from a pixel to the edge of its instance along its row or column, whichever is shortest, in pixels. */
function clearance({ width, height, data }: LabelMap, x: number, y: number): number {
  const id = data[y * width + x]
  const same = (px: number, py: number) =>
    px >= 0 && py >= 0 && px < width && py < height && data[py * width + px] === id
  let steps = 1
  while (same(x - steps, y) && same(x + steps, y) && same(x, y - steps) && same(x, y + steps)) steps++
  return steps
}

/** A uniformly random pixel of the instance. @throws Error if it has fewer pixels than `box.area` */
function pixelInside(labels: LabelMap, box: InstanceBox, rng: Rng): [number, number] {
  const { width, data } = labels
  for (let attempt = 0; attempt < 32; attempt++) {
    const x = box.x0 + rng.int(box.x1 - box.x0 + 1)
    const y = box.y0 + rng.int(box.y1 - box.y0 + 1)
    if (data[y * width + x] === box.id) return [x, y]
  }
  // thin and winding instances fill little of their box: pick the n-th of their pixels
  let left = rng.int(box.area)
  for (let y = box.y0; y <= box.y1; y++)
    for (let x = box.x0; x <= box.x1; x++) if (data[y * width + x] === box.id && left-- === 0) return [x, y]
  throw new Error(`instance ${box.id} has fewer than the ${box.area} pixels its record says`)
}

/**
 * Samples prompts for one image: each is a point inside an instance, the instance's box with jitter (as SAM was
 * trained: a standard deviation of 10 % of the side, at most 20 of 1024 input pixels), or both. Instances are sampled
 * without replacement until all have been prompted, then again. If all are smaller than `minArea`, only the largest is
 * prompted. The same `rng` state gives the same prompts.
 * @throws Error if there is no instance, or the mix has a negative share or only zeros
 * @example
 * const disc = { id: 1, area: 314, x0: 15, y0: 8, x1: 34, y1: 27 }
 * const { coords, labels: kinds } = samplePrompts(labels, [disc], new Rng(1), { count: 8, size: model.inputSize })
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
  if (!instances.length) throw new Error('an image without instances cannot be prompted')

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
  const jittered = (at: number, side: number, end: number) => {
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
    const put = (x: number, y: number, label: number) => {
      prompts.coords.set([x, y], slot * 2)
      prompts.labels[slot++] = label
    }
    if (kind !== 'box') {
      let best: [number, number] = [box.x0, box.y0]
      let inside = 0
      for (let c = 0; c < Math.max(1, candidates); c++) {
        const [x, y] = pixelInside(labels, box, rng)
        const distance = clearance(labels, x, y)
        if (distance > inside) [best, inside] = [[x, y], distance]
      }
      put(best[0] * sx, best[1] * sy, promptLabel.foreground)
    }
    if (kind === 'point') put(0, 0, promptLabel.padding)
    else {
      const [w, h] = [(box.x1 - box.x0 + 1) * sx, (box.y1 - box.y0 + 1) * sy]
      const xs = [jittered(box.x0 * sx, w, valid.width), jittered(box.x1 * sx, w, valid.width)].sort((a, b) => a - b)
      const ys = [jittered(box.y0 * sy, h, valid.height), jittered(box.y1 * sy, h, valid.height)].sort((a, b) => a - b)
      put(xs[0], ys[0], promptLabel.boxStart)
      put(xs[1], ys[1], promptLabel.boxEnd)
    }
  }
  return prompts
}
