/**
 * @file Label maps with a palette: VOC, CVAT, ImageJ and others store an instance's number as the index of a colour that is only
 * shown.
 */

/** A palette image as it is stored. */
export interface PaletteImage {
  /** The index of each pixel. */
  indices: Uint8Array | Uint16Array
  /** Red, green and blue of each index, of 8 bits. */
  colours: Uint8Array
  /** True for formats whose writers reorder the palette of a gray image to save space (PNG): the gray value counts there. */
  optimised: boolean
}

/** Pascal VOC marks the outlines of objects with this index and colour. They belong to no object. */
const VOC_VOID = { index: 255, colour: [224, 224, 192] }

/**
 * The labels of a palette image: the indices, or the gray values if the palette is that of a gray image.
 * @throws Error if the background, which is black, is not index 0
 */
export function paletteLabels({ indices, colours, optimised }: PaletteImage): Uint16Array {
  const count = colours.length / 3
  const used = new Uint8Array(count)
  for (const index of indices) {
    if (index >= count) throw new Error(`a pixel has the colour ${index}, its palette has only ${count} colours`)
    used[index] = 1
  }
  const colour = (i: number) => [colours[3 * i], colours[3 * i + 1], colours[3 * i + 2]]
  const all = Array.from({ length: count }, (_, i) => i)
  const present = all.filter((i) => used[i])
  const gray = present.every((i) => colour(i)[0] === colour(i)[1] && colour(i)[0] === colour(i)[2])
  // a gray ramp from white to black only shows the numbers inverted
  const inverted =
    count > 1 && all.every((i) => colour(i).every((v) => v === Math.round(255 - (255 * i) / (count - 1))))
  const distinct = new Set(present.map((i) => colour(i)[0])).size === present.length
  const labels = Uint16Array.from(indices)
  if (optimised && gray && distinct && !inverted) return labels.map((i) => colours[3 * i])
  if (gray) return labels
  const black = present.filter((i) => colour(i).every((v) => v === 0))
  if (used[0] && black.length === 1 && black[0] !== 0)
    throw new Error(
      `the black of its palette, usually the background, is index ${black[0]}, not 0: save it so that the background has the index 0`,
    )
  const { index, colour: voided } = VOC_VOID
  const isVoid = used[index] && !used[index - 1] && colour(index).every((v, c) => v === voided[c])
  return isVoid ? labels.map((i) => (i === index ? 0 : i)) : labels
}
