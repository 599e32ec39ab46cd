/** @file Draws a mask and its prompt over the image. */
import type { Size } from '../../engine/image/size'
import type { Mask } from '../../engine/masks/mask'
import { paintMasks } from '../../engine/masks/mask-algebra'
import type { ImagePrompt } from '../../engine/sam/prompt-masks'
import { colours } from './raster'

/** Returns the image (height, width, 3) with the mask tinted and outlined, the prompt's points as dots and its box as a frame. */
export function overlay(image: Size & { rgb: Uint8Array }, mask: Mask, { points, box }: ImagePrompt): Uint8Array {
  const { width, height } = image
  const rgb = image.rgb.slice()
  const whole = paintMasks([mask], image)
  const line = Math.max(1, Math.round(Math.max(width, height) / 640))
  const put = (x: number, y: number, colour: readonly number[]) => {
    if (x >= 0 && y >= 0 && x < width && y < height) rgb.set(colour, 3 * (y * width + x))
  }
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      if (!whole[at]) continue
      for (let c = 0; c < 3; c++) rgb[3 * at + c] = 0.6 * rgb[3 * at + c] + 0.4 * colours.predicted[c]
    }
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      if (!whole[at]) continue
      const edge =
        !(x > 0 && whole[at - 1]) || !(x < width - 1 && whole[at + 1]) || !whole[at - width] || !whole[at + width]
      if (edge) for (let i = 0; i < line * line; i++) put(x + (i % line), y + Math.floor(i / line), colours.predicted)
    }
  if (box) {
    const [x0, y0, x1, y1] = box.map(Math.round)
    for (let i = 0; i < line; i++) {
      for (let x = x0; x <= x1; x++) for (const y of [y0 + i, y1 - i]) put(x, y, colours.truth)
      for (let y = y0; y <= y1; y++) for (const x of [x0 + i, x1 - i]) put(x, y, colours.truth)
    }
  }
  const radius = 4 * line
  for (const { x, y, foreground } of points)
    for (let dy = -radius; dy <= radius; dy++)
      for (let dx = -radius; dx <= radius; dx++) {
        const distance = Math.hypot(dx, dy)
        if (distance > radius) continue
        const colour = distance > radius - line ? [255, 255, 255] : foreground ? colours.truth : colours.beyond
        put(Math.round(x) + dx, Math.round(y) + dy, colour)
      }
  return rgb
}
