/** @file Average precision, as COCO's evaluation defines it: the area under the precision-recall curve, read at 101 recalls. */
import type { Detection } from './matching'

/** What one image adds to the curve. */
export interface RankedImage {
  instances: number
  detections: readonly Detection[]
}

/** The precision-recall curve of many images together. It sorts once, so that reading it anew for other weights is cheap. */
export class PrecisionCurve {
  private readonly image: Int32Array
  private readonly hits: Int32Array
  private readonly hit: Float64Array
  private readonly precision: Float64Array

  constructor(private readonly images: readonly RankedImage[]) {
    const all = images.flatMap(({ detections }, i) =>
      detections.map(({ score, hits }) => ({ score: score ?? 0, hits, i })),
    )
    // of equal scores those of earlier images and places come first: sort is stable
    all.sort((a, b) => b.score - a.score)
    this.image = Int32Array.from(all, ({ i }) => i)
    this.hits = Int32Array.from(all, ({ hits }) => hits)
    this.hit = new Float64Array(all.length)
    this.precision = new Float64Array(all.length)
  }

  /**
   * The average precision at iouLevels[level]; NaN without instances.
   * @param weights how often each image counts, whole numbers
   */
  average(level: number, weights: ArrayLike<number>): number {
    const { image, hits, hit, precision } = this
    const instances = this.images.reduce((sum, { instances }, i) => sum + weights[i] * instances, 0)
    if (!instances) return NaN
    let [found, seen] = [0, 0]
    for (let d = 0; d < image.length; d++) {
      const weight = weights[image[d]]
      seen += weight
      if ((hits[d] >> level) & 1) found += weight
      hit[d] = found
      precision[d] = seen ? found / seen : 0
    }
    // the best precision at this recall or a higher one
    for (let d = image.length - 2; d >= 0; d--) precision[d] = Math.max(precision[d], precision[d + 1])
    let sum = 0
    for (let step = 0, d = 0; step <= 100; step++) {
      // recall >= step / 100, in whole numbers
      while (d < image.length && 100 * hit[d] < step * instances) d++
      if (d === image.length) break
      sum += precision[d]
    }
    return sum / 101
  }
}
