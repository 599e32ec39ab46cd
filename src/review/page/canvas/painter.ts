/** @file Draws a frame: image and masks on the lower canvas; numbers, highlights and the tool's marks on the upper one. */
import { squaredDistance } from '../../../../engine/masks/distance-transform'
import { deepest } from '../masks/shape'
import type { Point } from '../../../../engine/image/box'
import { crosshair } from '../state/crosshair'
import { hidden, numbers } from '../state/prefs'
import type { MaskEntry, ImageSession } from '../state/image-session'
import { infoBar } from '../state/info-bar'
import { preview } from '../state/preview'
import { drawSprite, sprite } from '../tools/ink'
import { toolName, tools } from '../tools'
import { Numbers } from './numbers'
import { numbersReadable } from './readable'

/** The scale from which the pixel grid is shown: CSS pixels per image pixel. */
const minGridScale = 16

/** The info bar is no part of the image: it is drawn dimmed. */
const infoBarOpacity = 0.6

export class Painter {
  private readonly below: CanvasRenderingContext2D
  private readonly above: CanvasRenderingContext2D
  private readonly digits = new Numbers()
  /** Position of each mask's number, cached: masks never change, an edit creates new ones. */
  private readonly places = new WeakMap<MaskEntry, Point>()
  private glow: { entry: MaskEntry; canvas: HTMLCanvasElement } | null = null

  constructor(below: HTMLCanvasElement, above: HTMLCanvasElement) {
    this.below = below.getContext('2d', { alpha: false })!
    this.above = above.getContext('2d')!
  }

  resize(width: number, height: number): void {
    for (const { canvas } of [this.below, this.above]) {
      canvas.width = Math.max(1, Math.round(width * devicePixelRatio))
      canvas.height = Math.max(1, Math.round(height * devicePixelRatio))
    }
  }

  draw(session: ImageSession, pointer: Point | null): void {
    if (session.released) return
    this.drawBelow(session)
    this.drawAbove(session, pointer)
  }

  private drawBelow({ viewport, picture, layer, info }: ImageSession): void {
    const { below: context } = this
    const { scale, x, y } = viewport.view.value
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.fillStyle = getComputedStyle(context.canvas).getPropertyValue('--stage') || '#15171a'
    context.fillRect(0, 0, context.canvas.width, context.canvas.height)
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
    const smooth = scale * devicePixelRatio < 2
    const [width, height] = [info.width * scale, info.height * scale]
    context.imageSmoothingEnabled = smooth
    context.drawImage(picture.at(scale * devicePixelRatio), x, y, width, height)
    const bar = infoBar.value
    if (bar) {
      context.globalAlpha = infoBarOpacity
      context.drawImage(bar, x, y + height, width, bar.height * scale)
      context.globalAlpha = 1
    }
    if (!hidden.value) context.drawImage(layer.canvas, x, y, width, height)
  }

  private drawAbove(session: ImageSession, pointer: Point | null): void {
    const { above: context } = this
    const { viewport } = session
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.clearRect(0, 0, context.canvas.width, context.canvas.height)
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
    if (viewport.view.value.scale >= minGridScale) this.drawGrid(session)
    this.drawPreview(session)
    const hovered = session.masks.get(session.hover.value)
    if (hovered) {
      if (this.glow?.entry !== hovered)
        this.glow = { entry: hovered, canvas: sprite(hovered.mask, [255, 255, 255], 0.25) }
      drawSprite(context, viewport, this.glow.canvas, hovered.mask)
    }
    if (numbers.value && !hidden.value) this.drawNumbers(session)
    tools[toolName.value].draw?.(context, viewport, pointer)
    if (crosshair.value) this.drawCrosshair(viewport.toWindow(crosshair.value))
  }

  private drawCrosshair([x, y]: Point): void {
    const { above: context } = this
    const [gap, arm] = [4, 18]
    for (const [width, colour] of [
      [4, 'rgb(0 0 0 / 0.7)'],
      [2, '#ffd33d'],
    ] as const) {
      context.beginPath()
      for (const [dx, dy] of [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ]) {
        context.moveTo(x + gap * dx, y + gap * dy)
        context.lineTo(x + arm * dx, y + arm * dy)
      }
      context.lineWidth = width
      context.strokeStyle = colour
      context.stroke()
    }
  }

  private drawPreview({ viewport }: ImageSession): void {
    for (const { mask, canvas } of preview.value) drawSprite(this.above, viewport, canvas, mask)
  }

  private drawNumbers({ masks, viewport, selection, hover }: ImageSession): void {
    const { above: context, digits } = this
    const { scale } = viewport.view.value
    const [right, bottom] = [context.canvas.width / devicePixelRatio, context.canvas.height / devicePixelRatio]
    context.imageSmoothingEnabled = true
    const wanted = (id: number) => id === hover.value || (selection.value.size <= 20 && selection.value.has(id))
    const fitting: MaskEntry[] = []
    for (const entry of masks.values()) {
      const { id, mask } = entry
      // numbers are drawn only on masks about as large as the text
      if (!wanted(id) && (mask.width * scale < digits.width(id) + 4 || mask.height * scale < 13)) continue
      const left = viewport.toWindow([mask.x0, mask.y0])
      if (left[0] > right || left[1] > bottom) continue
      if (left[0] + mask.width * scale < 0 || left[1] + mask.height * scale < 0) continue
      fitting.push(entry)
    }
    const readable = numbersReadable(fitting.length, right * bottom)
    for (const entry of fitting)
      if (readable || wanted(entry.id)) digits.draw(context, entry.id, ...viewport.toWindow(this.place(entry)))
  }

  private place(entry: MaskEntry): Point {
    const { mask } = entry
    let place = this.places.get(entry)
    if (!place) {
      // the centre of the box for very large masks: finding the deepest pixel would take too long
      place =
        mask.data.length > 1 << 20
          ? [mask.x0 + mask.width / 2, mask.y0 + mask.height / 2]
          : deepest(mask, squaredDistance(mask.data, mask.width, mask.height))
      this.places.set(entry, place)
    }
    return place
  }

  private drawGrid({ viewport, info }: ImageSession): void {
    const { above: context } = this
    const [right, bottom] = [context.canvas.width / devicePixelRatio, context.canvas.height / devicePixelRatio]
    const [fromX, fromY] = viewport.toImage([0, 0]).map((v) => Math.max(0, Math.ceil(v)))
    const [toX, toY] = viewport.toImage([right, bottom])
    const [x1, y1] = viewport.toWindow([info.width, info.height])
    const [x0, y0] = viewport.toWindow([0, 0])
    context.beginPath()
    for (let x = fromX; x <= Math.min(toX, info.width); x++) {
      const at = viewport.toWindow([x, 0])[0]
      context.moveTo(at, Math.max(0, y0))
      context.lineTo(at, Math.min(bottom, y1))
    }
    for (let y = fromY; y <= Math.min(toY, info.height); y++) {
      const at = viewport.toWindow([0, y])[1]
      context.moveTo(Math.max(0, x0), at)
      context.lineTo(Math.min(right, x1), at)
    }
    context.strokeStyle = 'rgb(128 128 128 / 0.25)'
    context.lineWidth = 1
    context.stroke()
  }
}
