/**
 * @file Fingers on the canvas. Two fingers move and magnify the view. One finger moves the view with the selecting tools,
 * where a tap is a click, and draws with the others. What the finger does is decided once it has moved or been lifted, so
 * that the first of two fingers leaves no mark.
 */
import type { Point } from '../../../../engine/image/box'
import type { Viewport } from '../image/viewport'
import { pinch } from './pinch'

/** CSS pixels that a finger may move during a tap. */
const tapTolerance = 8

export interface TouchActions {
  /** Whether one finger moves the view instead of drawing. */
  movesView(): boolean
  down(event: PointerEvent): void
  drag(event: PointerEvent): void
  up(event: PointerEvent): void
  /** Ends what `down` began without a result. */
  abandon(): void
  /** Position in the canvas in CSS pixels. */
  place(event: PointerEvent): Point
}

export class Touches {
  private readonly fingers = new Map<number, Point>()
  /** The first finger's event until it is known what it does. */
  private waiting: PointerEvent | null = null
  private mode: 'none' | 'tool' | 'view' = 'none'

  constructor(
    private readonly viewport: Viewport,
    private readonly actions: TouchActions,
  ) {}

  down(event: PointerEvent): void {
    this.fingers.set(event.pointerId, this.actions.place(event))
    if (this.fingers.size === 1) {
      this.waiting = event
      this.mode = 'none'
      return
    }
    if (this.mode === 'tool') this.actions.abandon()
    this.waiting = null
    this.mode = 'view'
  }

  move(event: PointerEvent): void {
    const before = this.fingers.get(event.pointerId)
    if (!before) return
    const now = this.actions.place(event)
    if (this.waiting) {
      if (Math.hypot(now[0] - before[0], now[1] - before[1]) < tapTolerance) return
      this.mode = this.actions.movesView() ? 'view' : 'tool'
      if (this.mode === 'tool') this.actions.down(this.waiting)
      this.waiting = null
    }
    if (this.mode === 'tool') this.actions.drag(event)
    else if (this.fingers.size === 1) this.viewport.move(now[0] - before[0], now[1] - before[1])
    else {
      const [first, second] = [...this.fingers.entries()]
      const replaced = ([id, at]: [number, Point]): Point => (id === event.pointerId ? now : at)
      const after: [Point, Point] = [replaced(first), replaced(second)]
      const { factor, move } = pinch([first[1], second[1]], after)
      this.viewport.move(...move)
      const { scale } = this.viewport.view.peek()
      this.viewport.zoom(scale * factor, [(after[0][0] + after[1][0]) / 2, (after[0][1] + after[1][1]) / 2])
    }
    this.fingers.set(event.pointerId, now)
  }

  up(event: PointerEvent): void {
    if (!this.fingers.delete(event.pointerId)) return
    if (this.waiting) {
      this.actions.down(this.waiting)
      this.actions.up(event)
    } else if (this.mode === 'tool') this.actions.up(event)
    this.waiting = null
    if (!this.fingers.size || this.mode === 'tool') this.mode = this.fingers.size ? 'view' : 'none'
  }

  cancel(event: PointerEvent): void {
    this.fingers.delete(event.pointerId)
    this.waiting = null
    if (this.mode === 'tool') this.actions.abandon()
    this.mode = 'none'
  }
}
