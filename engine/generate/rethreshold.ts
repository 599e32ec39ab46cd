/** @file Applies another mask threshold or stability offset to candidates that kept their logits, without the model. */
import { type Mask, maskBox } from '../masks/mask'
import { packMask, sharedPixels } from '../masks/bit-mask'
import { type Region, regionSize } from '../image/box'
import type { Candidate, CandidateSet, LogitWindow } from './candidate'
import { type PackedCandidate, unpackCandidate, cleanCandidate } from './packed-candidate'
import { UpscaleAxes } from '../image/upscale-axes'
import { findOverlaps } from './overlaps'
import { upscaleWindow } from './upscale-window'

/** The threshold at which stored logits become masks again, and what follows from it. */
export interface RethresholdOptions {
  maskThreshold: number
  stabilityScoreOffset: number
  /** As in GeneratorOptions; 0 by default. */
  fillHoles?: number
  dropIslands?: number
}

/**
 * The same candidates at other thresholds: recomputes masks, areas, boxes, stability and overlaps, in milliseconds per mask.
 * Candidates without logits are not changed; those that lose all their pixels are left out. Duplicates are not removed again.
 * @throws Error if the thresholds are invalid or need logits that were not kept
 * @example
 * const { set } = await generate(model, image)
 * const tighter = await rethreshold(set, { maskThreshold: 0.5, stabilityScoreOffset: 1 })
 */
export async function rethreshold(set: CandidateSet, options: RethresholdOptions): Promise<CandidateSet> {
  const { maskThreshold, stabilityScoreOffset, fillHoles = 0, dropIslands = 0 } = options
  if (!Number.isFinite(maskThreshold) || !(stabilityScoreOffset >= 0 && stabilityScoreOffset <= 100))
    throw new Error('maskThreshold must be a number, stabilityScoreOffset one from 0 to 100')
  const packed: PackedCandidate[] = []
  const axes = new Map<string, UpscaleAxes>()
  for (const candidate of set.candidates) {
    const { logits } = candidate
    if (!logits) {
      packed.push(pack(candidate, candidate.mask))
      continue
    }
    if (maskThreshold - stabilityScoreOffset < logits.lowest)
      throw new Error(
        `logits are kept from ${logits.lowest} up: maskThreshold - stabilityScoreOffset cannot be ${maskThreshold - stabilityScoreOffset}`,
      )
    const changed = applyThreshold(
      candidate,
      logits,
      maskThreshold,
      stabilityScoreOffset,
      axesFor(axes, candidate.crop, logits),
    )
    if (changed) packed.push(cleanCandidate(changed, set.size, { fillHoles, dropIslands }))
  }
  const count = (pairs: Uint32Array) => {
    const shared = new Uint32Array(pairs.length / 2)
    for (let i = 0; i < shared.length; i++)
      shared[i] = sharedPixels(packed[pairs[2 * i]].bits, packed[pairs[2 * i + 1]].bits)
    return shared
  }
  return { size: set.size, candidates: packed.map(unpackCandidate), overlaps: await findOverlaps(packed, count) }
}

function pack(candidate: Candidate, mask: Mask): PackedCandidate {
  const { area, box, predictedIou, stability, crop, token, point, promptBox, origin } = candidate
  const prompt = { point, ...(promptBox && { promptBox }), ...(origin && { origin }) }
  return { area, box, predictedIou, stability, crop, token, ...prompt, bits: packMask(mask) }
}

/** Interpolation tables for the size of a crop, computed once per size. */
function axesFor(known: Map<string, UpscaleAxes>, crop: Region, { side, inputSize }: LogitWindow): UpscaleAxes {
  const size = regionSize(crop)
  const key = `${size.width}x${size.height} ${side} ${inputSize}`
  let axes = known.get(key)
  if (!axes) {
    axes = new UpscaleAxes(side, inputSize, size)
    known.set(key, axes)
  }
  return axes
}

/** The candidate at other thresholds; null if it has no pixel left. */
function applyThreshold(
  candidate: Candidate,
  logits: LogitWindow,
  threshold: number,
  offset: number,
  axes: UpscaleAxes,
): PackedCandidate | null {
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
  return { ...pack(candidate, mask), area, box: maskBox(mask), stability, logits }
}
