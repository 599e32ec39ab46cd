/** @file Another mask threshold or stability offset for candidates that kept their logits, without the model. */
import { type Mask, maskBox } from '../masks/mask'
import { packMask, sharedPixels } from '../masks/bit-mask'
import { type Region, regionSize } from '../image/box'
import type { Candidate, CandidateSet, LogitWindow } from './candidate'
import { type Draft, candidateOf, mended } from './candidate-draft'
import { ImageAxes } from './image-axes'
import { overlapsOf } from './overlaps'
import { upscaleWindow } from './upscale-window'

export interface Rethreshold {
  maskThreshold: number
  stabilityScoreOffset: number
  /** As in GeneratorOptions; 0 by default. */
  fillHoles?: number
  dropIslands?: number
}

/**
 * The same candidates at other thresholds: masks, areas, boxes, stability and overlaps anew, milliseconds a mask. Candidates
 * without logits stay as they are; those that lose all their pixels are left out. Duplicates are not looked for again.
 * @throws Error where a logit is asked for that was not kept
 */
export async function rethreshold(set: CandidateSet, options: Rethreshold): Promise<CandidateSet> {
  const { maskThreshold, stabilityScoreOffset, fillHoles = 0, dropIslands = 0 } = options
  if (!Number.isFinite(maskThreshold) || !(stabilityScoreOffset >= 0 && stabilityScoreOffset <= 100))
    throw new Error('maskThreshold must be a number, stabilityScoreOffset one from 0 to 100')
  const drafts: Draft[] = []
  const axes = new Map<string, ImageAxes>()
  for (const candidate of set.candidates) {
    const { logits } = candidate
    if (!logits) {
      drafts.push(draftOfCandidate(candidate, candidate.mask))
      continue
    }
    if (maskThreshold - stabilityScoreOffset < logits.lowest)
      throw new Error(
        `logits are kept from ${logits.lowest} up: maskThreshold - stabilityScoreOffset cannot be ${maskThreshold - stabilityScoreOffset}`,
      )
    const again = apply(candidate, logits, maskThreshold, stabilityScoreOffset, axesOf(axes, candidate.crop, logits))
    if (again) drafts.push(mended(again, set.size, { fillHoles, dropIslands }))
  }
  const count = (pairs: Uint32Array) => {
    const shared = new Uint32Array(pairs.length / 2)
    for (let i = 0; i < shared.length; i++)
      shared[i] = sharedPixels(drafts[pairs[2 * i]].bits, drafts[pairs[2 * i + 1]].bits)
    return shared
  }
  return { size: set.size, candidates: drafts.map(candidateOf), overlaps: await overlapsOf(drafts, count) }
}

function draftOfCandidate(candidate: Candidate, mask: Mask): Draft {
  const { area, box, predictedIou, stability, crop, token, point } = candidate
  return { area, box, predictedIou, stability, crop, token, point, bits: packMask(mask) }
}

function axesOf(known: Map<string, ImageAxes>, crop: Region, { side, inputSize }: LogitWindow): ImageAxes {
  const size = regionSize(crop)
  const key = `${size.width}x${size.height} ${side} ${inputSize}`
  let axes = known.get(key)
  if (!axes) {
    axes = new ImageAxes(side, inputSize, size)
    known.set(key, axes)
  }
  return axes
}

/** The candidate at other thresholds; null where nothing is left. */
function apply(
  candidate: Candidate,
  logits: LogitWindow,
  threshold: number,
  offset: number,
  axes: ImageAxes,
): Draft | null {
  const part = upscaleWindow(logits, axes)
  if (!part) return null
  const { values, width, x0, y0 } = part
  const [high, low] = [Math.fround(threshold + offset), Math.fround(threshold - offset)]
  const middle = Math.fround(threshold)
  let [above, below, area] = [0, 0, 0]
  let [left, right, top, bottom] = [width, -1, -1, -1]
  for (let y = 0, start = 0; start < values.length; y++, start += width) {
    let [first, last] = [-1, -1]
    for (let x = 0; x < width; x++) {
      const value = values[start + x]
      if (!(value > low)) continue
      below++
      if (value > high) above++
      if (!(value > middle)) continue
      area++
      if (first < 0) first = x
      last = x
    }
    if (first < 0) continue
    if (top < 0) top = y
    bottom = y
    if (first < left) left = first
    if (last > right) right = last
  }
  if (!area) return null
  const [dx, dy] = [candidate.crop.left + x0, candidate.crop.top + y0]
  const size = { width: right - left + 1, height: bottom - top + 1 }
  const data = new Uint8Array(size.width * size.height)
  for (let y = 0, at = 0; y < size.height; y++)
    for (let x = 0; x < size.width; x++) data[at++] = values[(y + top) * width + x + left] > middle ? 1 : 0
  const mask: Mask = { x0: left + dx, y0: top + dy, ...size, data }
  const stability = Math.fround(above / below)
  return { ...draftOfCandidate(candidate, mask), area, box: maskBox(mask), stability, logits }
}
