/** @file The crosshair's keys: arrows move it, Space presses the tool there, D marks what is not part of the particle. */
import type { Point } from '../../../../engine/image/box'
import { crosshair } from '../state/crosshair'
import { cursor } from '../state/cursor'
import type { ImageSession } from '../state/image-session'
import { toolName, tools } from '../tools'
import type { Pointer } from '../tools/tool'

/** CSS pixels of a step; of one with Ctrl. With Shift a step is one pixel of the image. */
const [STEP, LARGE_STEP] = [12, 60]

const directions: Record<string, Point> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/** Whether Space is held: arrows then drag. */
let pressed = false

const pointerAt = (session: ImageSession, at: Point, over: Partial<Pointer> = {}): Pointer => ({
  image: at,
  window: session.viewport.toWindow(at),
  ...{ shift: false, ctrl: false, alt: false, right: false, double: false },
  ...over,
})

/** Shows the crosshair in the middle of the view, or removes it. */
export function toggleCrosshair(session: ImageSession): void {
  pressed = false
  if (crosshair.value) return void (crosshair.value = null)
  const { left, top, right, bottom } = session.viewport.visible
  place(session, [Math.round((left + right) / 2) + 0.5, Math.round((top + bottom) / 2) + 0.5])
}

function place(session: ImageSession, [x, y]: Point): void {
  const { width, height } = session.info
  const at: Point = [Math.min(width - 0.5, Math.max(0.5, x)), Math.min(height - 0.5, Math.max(0.5, y))]
  crosshair.value = cursor.value = at
  const { left, top, right, bottom } = session.viewport.visible
  // the view follows, so that the crosshair stays inside
  const { scale } = session.viewport.view.value
  const beyond = (value: number, low: number, high: number) => Math.min(0, value - low) + Math.max(0, value - high)
  session.viewport.move(-beyond(at[0], left, right) * scale, -beyond(at[1], top, bottom) * scale)
  const tool = tools[toolName.value]
  if (pressed) tool.drag?.(session, pointerAt(session, at))
  else tool.over?.(session, pointerAt(session, at))
}

/** Handles a key that was pressed while the crosshair is shown. @returns whether it is one of the crosshair's */
export function crosshairKey(session: ImageSession, event: KeyboardEvent): boolean {
  const at = crosshair.value
  if (!at) return false
  const direction = directions[event.key]
  const tool = tools[toolName.value]
  if (direction) {
    const { scale } = session.viewport.view.value
    const step = event.shiftKey ? 1 : Math.max(1, Math.round((event.ctrlKey ? LARGE_STEP : STEP) / scale))
    place(session, [at[0] + step * direction[0], at[1] + step * direction[1]])
  } else if (event.key === ' ') {
    if (event.repeat || pressed) return true
    pressed = true
    tool.down?.(session, pointerAt(session, at, { shift: event.shiftKey, ctrl: event.ctrlKey }))
  } else if (event.key === 'd' && toolName.value === 'prompt') {
    tool.down?.(session, pointerAt(session, at, { right: true }))
    tool.up?.(session, pointerAt(session, at, { right: true }))
  } else return false
  return true
}

/** Space was released. */
export function releaseCrosshair(session: ImageSession | null): void {
  if (!pressed) return
  pressed = false
  if (session && crosshair.value) tools[toolName.value].up?.(session, pointerAt(session, crosshair.value))
}
