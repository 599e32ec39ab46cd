/** @file Filters the generator's candidates again: which masks would other settings add and remove? */
import { decodeMask } from '../../../../engine/masks/rle'
import type { CandidateSet, CandidateMeasures } from '../../../../engine/generate/candidate'
import { filterCandidates, type FilterOptions } from '../../../../engine/generate/filter'
import { referenceThresholds } from '../../../../engine/generate/generator-options'
import type { CandidateFile } from '../../../project/file-schemas'
import { scoredSet } from '../../../project/candidate-measures'
import type { ReviewMask } from '../../../project/review/review-records'
import { maskOverlap } from '../../../../engine/masks/mask-algebra'
import { regionsOverlap, boxToRegion } from '../../../../engine/image/box'
import { maskRegion } from '../../../../engine/masks/mask'
import { isHandMade, type NewMask, type Reviewed, type ReviewedMask } from './reviewed'

/** Initial slider values if the candidates file does not contain them: thresholds of Meta's segment-anything, other filters off. */
const defaults: FilterOptions = {
  ...referenceThresholds,
  minArea: 0,
  maxArea: 1,
  dropFrames: false,
  boxNmsThresh: 1,
  maskNmsThresh: 1,
  containmentThresh: 1,
}

/** The share of the smaller of two masks from which one of them is left out, where the filter of nested masks is off. */
const SHARED = 0.5

export class Candidates {
  readonly options: FilterOptions
  readonly total: number
  private readonly newMasks: NewMask[] = []
  private readonly set: CandidateSet<CandidateMeasures>
  /** For masks that a person made: the share of the smaller mask that each candidate has in common with it. */
  private readonly shares = new WeakMap<ReviewedMask, Map<number, number>>()

  constructor(private readonly file: CandidateFile) {
    const given = file.options as Partial<FilterOptions>
    const known = Object.entries(defaults).map(([name, value]) => {
      const own = given[name as keyof FilterOptions]
      return [name, typeof own === typeof value ? own : value]
    })
    this.options = Object.fromEntries(known) as FilterOptions
    this.total = file.candidates.length
    this.set = scoredSet(file)
  }

  /**
   * The masks that these settings would remove and add. Masks that a person made or changed stay, no mask is laid over one of
   * them, and masks that a person removed are not added again.
   */
  compare(session: Reviewed, options: FilterOptions): { kept: number; remove: number[]; add: number[] } {
    const { kept } = filterCandidates(this.set, options)
    const wanted = new Set(kept.map((i) => this.text(i)))
    const known = new Set(this.file.candidates.map((_, i) => this.text(i)))
    const here = new Set<string>()
    const remove: number[] = []
    for (const { id, review } of session.masks.values()) {
      const text = review.segmentation.counts
      here.add(text)
      // a proposal that is not among the candidates (of an older file) is not affected
      if ((review.origin === 'proposal' || review.origin === 'refilter') && known.has(text) && !wanted.has(text))
        remove.push(id)
    }
    const refused = takenByHand(session)
    const limit = options.containmentThresh < 1 ? options.containmentThresh : SHARED
    const byHand = [...session.masks.values()].filter(isHandMade)
    const add = kept.filter(
      (i) =>
        !here.has(this.text(i)) &&
        !refused.has(this.text(i)) &&
        !byHand.some((entry) => this.shareWith(entry, i) > limit),
    )
    return { kept: kept.length, remove, add }
  }

  newMask(i: number): NewMask {
    const { segmentation, predicted_iou, calibrated_iou, stability_score, origin } = this.file.candidates[i]
    this.newMasks[i] ??= {
      mask: decodeMask(segmentation),
      ...(origin
        ? { source: origin }
        : { predictedIou: predicted_iou, calibratedIou: calibrated_iou, stability: stability_score }),
    }
    return this.newMasks[i]
  }

  private shareWith(entry: ReviewedMask, i: number): number {
    const { box, area } = this.set.candidates[i]
    if (!entry.mask.width || !regionsOverlap(boxToRegion(box), maskRegion(entry.mask))) return 0
    let known = this.shares.get(entry)
    if (!known) this.shares.set(entry, (known = new Map()))
    let share = known.get(i)
    if (share === undefined)
      known.set(i, (share = maskOverlap(entry.mask, this.newMask(i).mask) / Math.max(1, Math.min(area, entry.area))))
    return share
  }

  /** The run lengths identify a mask: two candidates never have the same. */
  private text(i: number): string {
    return this.file.candidates[i].segmentation.counts
  }
}

/** The generator's masks that were removed by an edit other than filtering. */
function takenByHand(session: Reviewed): Set<string> {
  const known = new Map<number, ReviewMask>(session.document.proposals.map((mask) => [mask.id, mask]))
  const filtered = new Set<number>()
  for (const entry of session.entries) {
    if (entry.type !== 'edit' || entry.edit.kind !== 'refilter') continue
    for (const id of entry.edit.remove) filtered.add(id)
    for (const mask of entry.edit.add) known.set(mask.id, mask)
  }
  const taken = new Set<string>()
  for (const [id, mask] of known) if (!session.masks.has(id) && !filtered.has(id)) taken.add(mask.segmentation.counts)
  return taken
}
