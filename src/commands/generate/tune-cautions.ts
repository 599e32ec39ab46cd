/** @file When thresholds that were found may not suit other images. */
import type { Trial } from '../../../engine/tune/tune-thresholds'

/** What the search cannot know of other images. */
export function cautions(images: number, { thresholds: { minArea } }: Trial, before: Trial): string[] {
  const lines: string[] = []
  if (images === 1)
    lines.push(
      'warning: thresholds found on one image may not suit others: a few images, as different as those to come, are better',
    )
  if (minArea > before.thresholds.minArea)
    lines.push(
      `warning: the minimum area of ${minArea} pixels suits images of this magnification only. For others give \`wgsam generate\` --min-area ` +
        'besides --thresholds, or store the thresholds with the adapter (--store), which leaves the area out',
    )
  return lines
}
