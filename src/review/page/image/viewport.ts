/** @file Zoom and position of the image: CSS pixel = image pixel × scale + offset. */
import { signal } from '@preact/signals'
import type { Size } from '../../../../engine/image/size'
import type { Point, Region } from '../../../../engine/image/box'

export interface View {
  scale: number
  x: number
  y: number
}

/** The maxScale scale: CSS pixels per image pixel. */
const maxScale = 64

export class Viewport {
  readonly view = signal<View>({ scale: 1, x: 0, y: 0 })
  private window: Size = { width: 1, height: 1 }
  private fitted = true
  /** Rows shown below the image. */
  private below = 0

  constructor(readonly image: Size) {}

  /** Sets the window's size in CSS pixels; a fitted image stays fitted. */
  resize(window: Size): void {
    this.window = window
    if (this.fitted) this.fit()
    else this.move(0, 0)
  }

  /** Sets how many rows are shown below the image: its info bar. */
  showBelow(rows: number): void {
    this.below = rows
    if (this.fitted) this.fit()
    else this.move(0, 0)
  }

  get fitScale(): number {
    const { width, height } = this.window
    return Math.min((width - 24) / this.image.width, (height - 24) / (this.image.height + this.below), maxScale)
  }

  fit(): void {
    const scale = Math.max(this.fitScale, 1e-3)
    this.view.value = {
      scale,
      x: (this.window.width - this.image.width * scale) / 2,
      y: (this.window.height - (this.image.height + this.below) * scale) / 2,
    }
    this.fitted = true
  }

  /** Zooms around the point `at` (CSS pixels). */
  zoom(scale: number, at: Point = [this.window.width / 2, this.window.height / 2]): void {
    const { view } = this
    const next = Math.min(maxScale, Math.max(Math.min(this.fitScale, 1) / 4, scale))
    const ratio = next / view.value.scale
    this.fitted = false
    this.place({ scale: next, x: at[0] - (at[0] - view.value.x) * ratio, y: at[1] - (at[1] - view.value.y) * ratio })
  }

  move(dx: number, dy: number): void {
    const { scale, x, y } = this.view.value
    if (dx || dy) this.fitted = false
    this.place({ scale, x: x + dx, y: y + dy })
  }

  /** Centres a region of the image, and zooms in if it is tiny. */
  show({ left, top, right, bottom }: Region): void {
    const { width, height } = this.window
    const room = Math.min(width / (right - left), height / (bottom - top))
    const { scale } = this.view.value
    const next = Math.min(
      maxScale,
      scale * Math.max(right - left, bottom - top) < 40 ? Math.min(room / 8, 8) : Math.min(scale, room * 0.8),
    )
    this.fitted = false
    const chosen = Math.max(next, Math.min(this.fitScale, 1))
    const centre = [(left + right) / 2, (top + bottom) / 2]
    this.place({ scale: chosen, x: width / 2 - centre[0] * chosen, y: height / 2 - centre[1] * chosen })
  }

  /** The region of the image that the window shows. */
  get visible(): Region {
    const [left, top] = this.toImage([0, 0])
    const [right, bottom] = this.toImage([this.window.width, this.window.height])
    return { left, top, right, bottom }
  }

  toImage([x, y]: Point): Point {
    const { scale, x: left, y: top } = this.view.value
    return [(x - left) / scale, (y - top) / scale]
  }

  toWindow([x, y]: Point): Point {
    const { scale, x: left, y: top } = this.view.value
    return [x * scale + left, y * scale + top]
  }

  /** Sets the view, keeping part of the image visible. */
  private place({ scale, x, y }: View): void {
    const keep = 48
    const clamp = (offset: number, window: number, image: number) =>
      Math.min(window - keep, Math.max(keep - image * scale, offset))
    this.view.value = {
      scale,
      x: clamp(x, this.window.width, this.image.width),
      y: clamp(y, this.window.height, this.image.height + this.below),
    }
  }
}
