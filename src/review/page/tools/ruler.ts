/** @file Lines with a length: the ruler, and the line along the scale bar by which the pixel size is set. */
import { signal } from '@preact/signals'
import type { Point, Region } from '../../../../engine/image/box'
import { findScaleBar } from '../image/find-scale-bar'
import type { Viewport } from '../image/viewport'
import type { ImageSession } from '../state/image-session'
import { infoBar } from '../state/info-bar'
import { infoBarShown } from '../state/prefs'
import { lengthText } from '../state/scale'
import { accent } from './ink'
import { isDrag } from './select'
import type { Pointer, Tool } from './tool'

type Line = readonly [Point, Point]

/** The line that the ruler shows. */
export const ruler = signal<Line | null>(null)
/** The line along the scale bar. */
export const barLine = signal<Line | null>(null)
/** Whether that line was proposed, not drawn. */
export const proposed = signal(false)

export const lineLength = ([a, b]: Line): number => Math.hypot(a[0] - b[0], a[1] - b[1])

let from: Pointer | null = null

/** The end of a line; with Shift it is level or upright. */
function end(start: Pointer, { image, shift }: Pointer): Point {
  const [x, y] = start.image
  if (!shift) return image
  return Math.abs(image[0] - x) >= Math.abs(image[1] - y) ? [image[0], y] : [x, image[1]]
}

function draw(context: CanvasRenderingContext2D, viewport: Viewport, line: Line, text: string): void {
  const [a, b] = line.map((point) => viewport.toWindow(point)) as [Point, Point]
  const across = Math.atan2(b[1] - a[1], b[0] - a[0]) + Math.PI / 2
  const [dx, dy] = [7 * Math.cos(across), 7 * Math.sin(across)]
  context.beginPath()
  context.moveTo(...a)
  context.lineTo(...b)
  for (const [x, y] of [a, b]) {
    context.moveTo(x - dx, y - dy)
    context.lineTo(x + dx, y + dy)
  }
  context.lineCap = 'butt'
  context.strokeStyle = 'rgb(0 0 0 / 0.7)'
  context.lineWidth = 4
  context.stroke()
  context.strokeStyle = accent
  context.lineWidth = 2
  context.stroke()
  if (!text) return
  context.font = '600 13px system-ui, sans-serif'
  context.textAlign = 'center'
  context.textBaseline = 'bottom'
  const [x, y] = [(a[0] + b[0]) / 2, Math.min(a[1], b[1]) - 8]
  context.lineJoin = 'round'
  context.strokeStyle = 'rgb(0 0 0 / 0.8)'
  context.lineWidth = 4
  context.strokeText(text, x, y)
  context.fillStyle = '#ffffff'
  context.fillText(text, x, y)
}

export const rulerTool: Tool = {
  down(_session, at) {
    if (at.right) return
    from = at
    ruler.value = null
  },
  drag(_session, at) {
    if (from) ruler.value = [from.image, end(from, at)]
  },
  up(_session, at) {
    if (from && !isDrag(from.window, at.window)) ruler.value = null
    from = null
  },
  cancel() {
    const busy = ruler.value !== null
    from = null
    ruler.value = null
    return busy
  },
  draw(context, viewport) {
    if (ruler.value) draw(context, viewport, ruler.value, lengthText(lineLength(ruler.value)))
  },
}

/** Gray values of the info bar. */
function barValues(bitmap: ImageBitmap): Uint8Array {
  const { width, height } = bitmap
  const context = new OffscreenCanvas(width, height).getContext('2d')!
  context.drawImage(bitmap, 0, 0)
  const { data } = context.getImageData(0, 0, width, height)
  return Uint8Array.from({ length: width * height }, (_, i) => data[4 * i])
}

/** The scale bar of the info bar, or else of the image, as a line along its middle. */
function findLine({ info, picture }: ImageSession): Line | null {
  const bar = infoBar.value
  const lineOf = (found: Region | null, top: number): Line | null => {
    if (!found) return null
    const y = top + (found.top + found.bottom) / 2
    return [
      [found.left, y],
      [found.right, y],
    ]
  }
  const inBar = bar && lineOf(findScaleBar(barValues(bar), bar), info.height)
  return inBar ?? lineOf(findScaleBar(picture.grayFrom(0), info), 0)
}

export const calibrateTool: Tool = {
  start(session) {
    infoBarShown.value = true
    const found = findLine(session)
    // this runs again when the info bar is there: a line that a person has drawn since stays
    if (barLine.peek() && !proposed.peek()) return
    barLine.value = found
    proposed.value = found !== null
  },
  down(_session, at) {
    if (!at.right) from = at
  },
  drag(_session, at) {
    if (!from || !isDrag(from.window, at.window)) return
    barLine.value = [from.image, end(from, at)]
    proposed.value = false
  },
  up() {
    from = null
  },
  cancel() {
    const busy = barLine.value !== null
    from = null
    barLine.value = null
    return busy
  },
  draw(context, viewport) {
    if (barLine.value) draw(context, viewport, barLine.value, `${lineLength(barLine.value).toFixed(1)} px`)
  },
}
