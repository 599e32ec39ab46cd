/** @file Draws all labelled instances over their image, each in its own colour. */
import type { LabelMap } from '../../engine/image/label-map'

/** The opacity of an instance's colour inside it. */
const TINT = 0.4

/** Returns the image (height, width, 3) with every label tinted and outlined. */
export function labelOverlay(rgb: Uint8Array, { width, height, data }: LabelMap): Uint8Array {
  const drawn = rgb.slice()
  const palette = new Map<number, readonly number[]>()
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      const id = data[at]
      if (!id) continue
      let colour = palette.get(id)
      if (!colour) palette.set(id, (colour = distinctColour(id)))
      const edge =
        (x > 0 && data[at - 1] !== id) ||
        (y > 0 && data[at - width] !== id) ||
        (x < width - 1 && data[at + 1] !== id) ||
        (y < height - 1 && data[at + width] !== id)
      const tint = edge ? 1 : TINT
      for (let c = 0; c < 3; c++) drawn[3 * at + c] = (1 - tint) * drawn[3 * at + c] + tint * colour[c]
    }
  return drawn
}

/** Red, green and blue of colour i. Successive hues are a golden angle apart, so that near numbers have distinct colours. */
function distinctColour(i: number): [number, number, number] {
  const hue = (i * 137.508) % 360
  const light = [0.55, 0.65, 0.48][i % 3]
  const chroma = 0.85 * (1 - Math.abs(2 * light - 1))
  const part = (offset: number) => {
    const k = (offset + hue / 30) % 12
    return Math.round(255 * (light - (chroma / 2) * Math.max(-1, Math.min(k - 3, 9 - k, 1))))
  }
  return [part(0), part(8), part(4)]
}
