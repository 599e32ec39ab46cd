/** @file The error against the size of particles: scores of the instances in each bin of the equivalent diameter. */
import { bootstrap, type Interval, percentileInterval, type Statistics } from './bootstrap'
import type { ImageTally } from './image-tally'

/** Upper ends of the bins of the equivalent diameter, in pixels; the last bin has none. */
export const binEnds: readonly number[] = [16, 32, 64, 128, Infinity]

/** The IoU at which an instance counts as found here: a mask that can be measured. */
const FOUND = 0.75

/** 'image': pixels of the image. 'input': pixels of the model's input, what the model sees. */
export const sizeUnits = ['image', 'input'] as const
export type SizeUnit = (typeof sizeUnits)[number]

/** The scores of the instances whose diameter is at least `from` and below `to`, over all images. */
export interface SizeBin {
  from: number
  /** null: no upper end. */
  to: number | null
  instances: number
  /** The mean Dice of the instances; an instance without a mask counts as 0. */
  dice: number
  /** The fraction of them whose mask reaches IoU 0.75. */
  recall: number
  /** null with a single image, or if a resample of the images has no instance of the bin. */
  intervals: { dice: Interval | null; recall: Interval | null }
}

/** The bins that have instances. Null if the sizes in this unit are not known, as at the input of a method without a model. */
export function scoreBySize(
  images: readonly ImageTally[],
  unit: SizeUnit,
  options: { resamples: number; seed: number },
): SizeBin[] | null {
  if (unit === 'input' && images.some(({ view }) => !view)) return null
  const sums = binEnds.map(() => images.map(() => ({ instances: 0, dice: 0, found: 0 })))
  images.forEach(({ ious, diameters, view }, i) => {
    const scale = unit === 'input' ? view!.magnification : 1
    ious.forEach((iou, k) => {
      const diameter = scale * diameters.instances[k]
      const sum = sums[binEnds.findIndex((end) => diameter < end)][i]
      sum.instances++
      sum.dice += (2 * iou) / (1 + iou)
      sum.found += +(iou >= FOUND)
    })
  })
  const values = (bin: number): Statistics<'dice' | 'recall'> => {
    return (weights) => {
      let [instances, dice, found] = [0, 0, 0]
      sums[bin].forEach((sum, i) => {
        instances += weights[i] * sum.instances
        dice += weights[i] * sum.dice
        found += weights[i] * sum.found
      })
      return { dice: dice / instances, recall: found / instances }
    }
  }
  const equal = images.map(() => 1)
  return binEnds.flatMap((end, bin): SizeBin[] => {
    const instances = sums[bin].reduce((total, sum) => total + sum.instances, 0)
    if (!instances) return []
    const of = values(bin)
    const samples = images.length > 1 ? bootstrap(of, images.length, options) : null
    const interval = (name: 'dice' | 'recall') => samples && percentileInterval(samples[name])
    return [
      {
        from: bin ? binEnds[bin - 1] : 0,
        to: end === Infinity ? null : end,
        instances,
        ...of(equal),
        intervals: { dice: interval('dice'), recall: interval('recall') },
      },
    ]
  })
}
