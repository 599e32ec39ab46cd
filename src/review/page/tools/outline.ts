/** @file The lasso: drag around a particle, or click its corners. It makes a new mask, or redraws the selected one. */
import { outlineMask } from '../masks/draw'
import type { Point } from '../../../../engine/image/box'
import { subtractMasks } from '../../../../engine/masks/mask-algebra'
import { keepClear } from '../state/prefs'
import { tell } from '../state/notices'
import type { ImageSession } from '../state/image-session'
import { accent, circle, path } from './ink'
import { far } from './select'
import type { Tool } from './tool'

let points: Point[] = []
/** Where the button went down, in the window; null while it is up. */
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
    tell('note', keepClear.value ? 'Other masks cover all of this already.' : 'This outline encloses no pixel.')
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
      if (session.chosen.length || !id) return tell('note', 'Redraw replaces one mask: select it first.')
      session.select([id])
    }
    const first = points.length ? session.viewport.toWindow(points[0]) : null
    if (at.double || (first && points.length >= 3 && !far(first, at.window))) return void close(session, redraw)
    points.push(at.image)
    pressed = at.window
  },
  drag(_session, at) {
    if (!pressed) return
    freehand ||= far(pressed, at.window)
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
