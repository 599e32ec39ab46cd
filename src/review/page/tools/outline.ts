/** @file Lasso and redraw: outline a new mask, or the selected one again, by dragging or by clicking corners. */
import { outlineMask } from '../masks/draw'
import type { Point } from '../../../../engine/image/box'
import { subtractMasks } from '../../../../engine/masks/mask-algebra'
import { keepClear } from '../state/prefs'
import { notify } from '../state/notices'
import type { ImageSession } from '../state/image-session'
import { accent, circle, path } from './ink'
import { isDrag } from './select'
import type { Tool } from './tool'

let points: Point[] = []
/** Position in the window where the button was pressed; null while it is up. */
let pressed: Point | null = null
let freehand = false

function close(session: ImageSession, redraw: boolean): boolean {
  const outline = points
  reset()
  if (outline.length < 3) return false
  const target = redraw ? session.chosen[0] : undefined
  let mask = outlineMask(outline, session.info)
  if (keepClear.value)
    mask = subtractMasks(
      mask,
      session.near(mask, target ? [target.id] : []).map((entry) => entry.mask),
    )
  if (!mask.width) {
    notify('note', keepClear.value ? 'Other masks already cover this area.' : 'The outline contains no pixel.')
    return true
  }
  session.edit(target ? 'redraw' : 'add', target ? [target.id] : [], [{ mask }])
  return true
}

function reset(): void {
  points = []
  pressed = null
  freehand = false
}

const outline = (redraw: boolean): Tool => ({
  down(session, at) {
    if (at.right) return
    if (redraw && !points.length && session.chosen.length !== 1) {
      const id = session.owners.at(Math.floor(at.image[0]), Math.floor(at.image[1]))
      if (session.chosen.length || !id) return notify('note', 'Select the one mask to redraw first.')
      session.select([id])
    }
    const first = points.length ? session.viewport.toWindow(points[0]) : null
    if (at.double || (first && points.length >= 3 && !isDrag(first, at.window))) return void close(session, redraw)
    points.push(at.image)
    pressed = at.window
  },
  drag(_session, at) {
    if (!pressed) return
    freehand ||= isDrag(pressed, at.window)
    if (freehand) points.push(at.image)
  },
  up(session) {
    if (pressed && freehand) close(session, redraw)
    pressed = null
  },
  over(session, at) {
    session.hover.value =
      redraw && !points.length && !session.selection.value.size
        ? session.owners.at(Math.floor(at.image[0]), Math.floor(at.image[1]))
        : 0
  },
  finish: (session) => close(session, redraw),
  cancel() {
    const busy = points.length > 0
    reset()
    return busy
  },
  back() {
    if (!points.length) return false
    points.pop()
    return true
  },
  draw(context, viewport, pointer) {
    if (!points.length) return
    const ahead = pointer && !freehand ? [...points, viewport.toImage(pointer)] : points
    path(context, viewport, ahead, { closed: freehand, colour: accent })
    if (!freehand) points.forEach((point) => circle(context, viewport.toWindow(point), 3, accent, true))
  },
})

export const lassoTool = outline(false)
export const redrawTool = outline(true)
