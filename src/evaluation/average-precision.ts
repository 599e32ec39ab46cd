/** @file Average precision as COCO defines it: the mean of the interpolated precision at 101 recall values. */
import { type Detection, iouLevels } from './matching'

/** The detections and the number of instances of one image. */
export interface RankedImage {
  instances: number
  detections: readonly Detection[]
}

/** The precision-recall curves of many images together. Detections are sorted once, so that new weights are cheap. */
export class PrecisionCurve {
  /** The index of each detection's image; detections are sorted by descending score. */
  private readonly image: Int32Array
  /** For each IoU level the indices of the detections that are hits. */
  private readonly hits: Int32Array[]
  /** The weighted number of detections up to each one. */
  private readonly detected: Float64Array
  private readonly found: Float64Array
  private readonly precision: Float64Array

  constructor(private readonly images: readonly RankedImage[]) {
    const all = images.flatMap(({ detections }, i) =>
      detections.map(({ score, hits }) => ({ score: score ?? 0, hits, i })),
    )
    // the sort is stable: equal scores keep the order of images and masks
    all.sort((a, b) => b.score - a.score)
    this.image = Int32Array.from(all, ({ i }) => i)
    this.hits = iouLevels.map((_, level) =>
      Int32Array.from(all.flatMap(({ hits }, d) => ((hits >> level) & 1 ? [d] : []))),
    )
    this.detected = new Float64Array(all.length)
    this.found = new Float64Array(all.length)
    this.precision = new Float64Array(all.length)
  }

  /**
   * The average precision at each of iouLevels; NaN without instances.
   * @param weights how often each image counts, whole numbers
   */
  averages(weights: ArrayLike<number>): number[] {
    const { image, detected } = this
    const instances = this.images.reduce((sum, { instances }, i) => sum + weights[i] * instances, 0)
    for (let d = 0, count = 0; d < image.length; d++) detected[d] = count += weights[image[d]]
    return this.hits.map((hits) => (instances ? this.average(hits, weights, instances) : NaN))
  }

  private average(hits: Int32Array, weights: ArrayLike<number>, instances: number): number {
    const { image, detected, found, precision } = this
    // between two hits precision only falls, so only the hits are considered
    for (let h = 0, count = 0; h < hits.length; h++) {
      found[h] = count += weights[image[hits[h]]]
      precision[h] = count ? count / detected[hits[h]] : 0
    }
    // the highest precision at this recall or a higher one
    for (let h = hits.length - 2; h >= 0; h--) if (precision[h + 1] > precision[h]) precision[h] = precision[h + 1]
    let sum = 0
    for (let step = 0, h = 0; step <= 100; step++) {
      // recall >= step / 100, compared in integers
      while (h < hits.length && 100 * found[h] < step * instances) h++
      if (h === hits.length) break
      sum += precision[h]
    }
    return sum / 101
  }
}
