/** @file The selection tool: click, Shift+click or Ctrl+click, or drag a box. */
import type { Point } from '../../../../engine/image/box'
import { maskContains } from '../../../../engine/masks/mask'
import type { ImageSession } from '../state/image-session'
import { accent } from './ink'
import type { Pointer, Tool } from './tool'

/** CSS pixels that the pointer may move during a click before it counts as a drag. */
const clickTolerance = 4

/** True if the pointer moved too isDrag for a click. */
export const isDrag = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]) > clickTolerance

let from: Pointer | null = null
let to: Pointer | null = null

/** The mask at a pixel: the one on top, or with Alt the one below the selected one; 0 if there is none. */
function pick(session: ImageSession, { image: [px, py], alt }: Pointer): number {
  const [x, y] = [Math.floor(px), Math.floor(py)]
  const top = session.owners.at(x, y)
  if (!alt) return top
  const here = session.list
    .filter(({ mask }) => maskContains(mask, x, y))
    .sort((a, b) => a.area - b.area || b.id - a.id)
  const at = here.findIndex(({ id }) => session.selection.value.has(id))
  return here.length ? here[(at + 1) % here.length].id : 0
}

export const select: Tool = {
  down(_session, at) {
    if (at.right) return
    from = to = at
  },
  drag(_session, at) {
    to = at
  },
  up(session, at) {
    if (!from) return
    const add = from.shift || from.ctrl
    if (isDrag(from.window, at.window)) {
      const xs = [from.image[0], at.image[0]].sort((a, b) => a - b).map(Math.floor)
      const ys = [from.image[1], at.image[1]].sort((a, b) => a - b).map(Math.floor)
      const found = session.owners.within({ left: xs[0], top: ys[0], right: xs[1] + 1, bottom: ys[1] + 1 })
      session.select(add ? [...session.selection.value, ...found] : found)
    } else {
      const id = pick(session, at)
      if (add && id) session.toggle([id])
      else if (!add) session.select(id ? [id] : [])
    }
    from = to = null
  },
  over(session, at) {
    session.hover.value = session.owners.at(Math.floor(at.image[0]), Math.floor(at.image[1]))
  },
  cancel() {
    const busy = from !== null
    from = to = null
    return busy
  },
  draw(context) {
    if (!from || !to || !isDrag(from.window, to.window)) return
    const [x, y] = from.window
    const [width, height] = [to.window[0] - x, to.window[1] - y]
    context.fillStyle = 'rgb(74 163 255 / 0.15)'
    context.fillRect(x, y, width, height)
    context.strokeStyle = accent
    context.lineWidth = 1
    context.strokeRect(x + 0.5, y + 0.5, width, height)
  },
}
