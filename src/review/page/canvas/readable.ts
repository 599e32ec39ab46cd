/** @file Whether the numbers of masks can be read. */

/** CSS pixels of the canvas for one number, below which numbers are a texture rather than information. */
const roomForNumber = 40 * 40

/** Whether this many numbers on a canvas of this area, in CSS pixels, can still be read. */
export const numbersReadable = (count: number, area: number) => count * roomForNumber <= area || count <= 20
