/** @file Average precision, as COCO's evaluation defines it: the area under the precision-recall curve, read at 101 recalls. */
import { type Detection, iouLevels } from './matching'

/** What one image adds to the curve. */
export interface RankedImage {
  instances: number
  detections: readonly Detection[]
}

/** The precision-recall curves of many images together. They are sorted once, so that other weights are cheap. */
export class PrecisionCurve {
  /** The image of each detection, the surest first. */
  private readonly image: Int32Array
  /** At each level the places of the hits among them. */
  private readonly hits: Int32Array[]
  private readonly seen: Float64Array
  private readonly found: Float64Array
  private readonly precision: Float64Array

  constructor(private readonly images: readonly RankedImage[]) {
    const all = images.flatMap(({ detections }, i) =>
      detections.map(({ score, hits }) => ({ score: score ?? 0, hits, i })),
    )
    // of equal scores those of earlier images and places come first: sort is stable
    all.sort((a, b) => b.score - a.score)
    this.image = Int32Array.from(all, ({ i }) => i)
    this.hits = iouLevels.map((_, level) =>
      Int32Array.from(all.flatMap(({ hits }, d) => ((hits >> level) & 1 ? [d] : []))),
    )
    this.seen = new Float64Array(all.length)
    this.found = new Float64Array(all.length)
    this.precision = new Float64Array(all.length)
  }

  /**
   * The average precision at each of iouLevels; NaN without instances.
   * @param weights how often each image counts, whole numbers
   */
  averages(weights: ArrayLike<number>): number[] {
    const { image, seen } = this
    const instances = this.images.reduce((sum, { instances }, i) => sum + weights[i] * instances, 0)
    for (let d = 0, count = 0; d < image.length; d++) seen[d] = count += weights[image[d]]
    return this.hits.map((hits) => (instances ? this.average(hits, weights, instances) : NaN))
  }

  private average(hits: Int32Array, weights: ArrayLike<number>, instances: number): number {
    const { image, seen, found, precision } = this
    // precision is highest where a hit was just added: the places between need no look
    for (let h = 0, count = 0; h < hits.length; h++) {
      found[h] = count += weights[image[hits[h]]]
      precision[h] = count ? count / seen[hits[h]] : 0
    }
    // the best precision at this recall or a higher one
    for (let h = hits.length - 2; h >= 0; h--) if (precision[h + 1] > precision[h]) precision[h] = precision[h + 1]
    let sum = 0
    for (let step = 0, h = 0; step <= 100; step++) {
      // recall >= step / 100, in whole numbers
      while (h < hits.length && 100 * found[h] < step * instances) h++
      if (h === hits.length) break
      sum += precision[h]
    }
    return sum / 101
  }
}
