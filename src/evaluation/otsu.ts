/** @file Otsu's threshold: the gray value that splits an image's histogram into the two most distinct classes. */
import type { Size } from '../../engine/image/size'

/** The mean of red, green and blue (height, width), smoothed by a binomial kernel of 5 x 5 (a standard deviation of 1 pixel). */
export function smoothGray(rgb: Uint8Array, { width, height }: Size): Float32Array {
  const gray = new Float32Array(width * height)
  for (let i = 0; i < gray.length; i++) gray[i] = (rgb[3 * i] + rgb[3 * i + 1] + rgb[3 * i + 2]) / 3
  const rows = blur(gray, width, height, 1, width)
  return blur(rows, height, width, width, 1)
}

/** Blurs along lines of `length` values `step` apart; lines start `stride` apart. Beyond the ends the last value is repeated. */
function blur(from: Float32Array, length: number, lines: number, step: number, stride: number): Float32Array {
  const to = new Float32Array(from.length)
  for (let line = 0; line < lines; line++) {
    const start = line * stride
    const at = (i: number) => from[start + step * Math.max(0, Math.min(length - 1, i))]
    for (let i = 0; i < length; i++)
      to[start + step * i] = (at(i - 2) + 4 * at(i - 1) + 6 * at(i) + 4 * at(i + 1) + at(i + 2)) / 16
  }
  return to
}

/**
 * The threshold of gray values from 0 to 255 that maximises the variance between the two classes, from a histogram of 256 bins;
 * the middle one if several do. Values from the threshold on are the upper class. null if all values are in one bin.
 */
export function otsuThreshold(gray: ArrayLike<number>): number | null {
  const histogram = new Float64Array(256)
  for (let i = 0; i < gray.length; i++) histogram[Math.max(0, Math.min(255, Math.floor(gray[i])))]++
  const total = gray.length
  const sum = histogram.reduce((all, count, bin) => all + bin * count, 0)
  let [below, sumBelow, best] = [0, 0, 0]
  let [first, last] = [-1, -1]
  for (let bin = 0; bin < 255; bin++) {
    below += histogram[bin]
    sumBelow += bin * histogram[bin]
    if (!below || below === total) continue
    const apart = sumBelow / below - (sum - sumBelow) / (total - below)
    const between = below * (total - below) * apart * apart
    if (between > best) [best, first, last] = [between, bin, bin]
    else if (between === best) last = bin
  }
  // + 1: values in the bin itself belong to the lower class
  return first < 0 ? null : (first + last) / 2 + 1
}
