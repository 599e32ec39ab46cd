/** @file Drawing for tools: lines visible on dark and bright images, and previews of masks. */
import type { Mask } from '../../../../engine/masks/mask'
import type { Viewport } from '../image/viewport'
import { pack } from '../image/mask-colours'
import type { Point } from '../../../../engine/image/box'

export const accent = '#4aa3ff'

/** Draws a line through points of the image, with a dark border. */
export function path(
  context: CanvasRenderingContext2D,
  viewport: Viewport,
  points: readonly Point[],
  { closed = false, colour = '#ffffff', width = 1.5 }: { closed?: boolean; colour?: string; width?: number } = {},
): void {
  if (!points.length) return
  context.beginPath()
  points.forEach((point, i) => {
    const [x, y] = viewport.toWindow(point)
    if (i) context.lineTo(x, y)
    else context.moveTo(x, y)
  })
  if (closed) context.closePath()
  context.lineJoin = context.lineCap = 'round'
  context.strokeStyle = 'rgb(0 0 0 / 0.6)'
  context.lineWidth = width + 2
  context.stroke()
  context.strokeStyle = colour
  context.lineWidth = width
  context.stroke()
}

export function circle(
  context: CanvasRenderingContext2D,
  [x, y]: Point,
  radius: number,
  colour: string,
  fill = false,
): void {
  context.beginPath()
  context.arc(x, y, radius, 0, 2 * Math.PI)
  if (fill) {
    context.fillStyle = colour
    context.fill()
  }
  context.strokeStyle = 'rgb(0 0 0 / 0.6)'
  context.lineWidth = 3
  context.stroke()
  context.strokeStyle = fill ? '#ffffff' : colour
  context.lineWidth = 1.5
  context.stroke()
}

/** A mask as a small bitmap: an outline one pixel wide and a fill with opacity `alpha`. */
export function sprite(mask: Mask, [r, g, b]: readonly [number, number, number], alpha: number): HTMLCanvasElement {
  const { width, height, data } = mask
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, width)
  canvas.height = Math.max(1, height)
  const context = canvas.getContext('2d')
  if (!context || !width) return canvas
  const image = context.createImageData(width, height)
  const pixels = new Uint32Array(image.data.buffer)
  const [inside, edge] = [pack(r, g, b, Math.round(255 * alpha)), pack(r, g, b, 255)]
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      if (!data[at]) continue
      const inner = x && y && x < width - 1 && y < height - 1
      const deep = inner && data[at - 1] && data[at + 1] && data[at - width] && data[at + width]
      pixels[at] = deep ? inside : edge
    }
  context.putImageData(image, 0, 0)
  return canvas
}

/** Draws a sprite at its mask's position. */
export function drawSprite(
  context: CanvasRenderingContext2D,
  viewport: Viewport,
  canvas: HTMLCanvasElement,
  mask: Mask,
): void {
  const [x, y] = viewport.toWindow([mask.x0, mask.y0])
  const { scale } = viewport.view.value
  context.imageSmoothingEnabled = scale < 1
  context.drawImage(canvas, x, y, mask.width * scale, mask.height * scale)
}
