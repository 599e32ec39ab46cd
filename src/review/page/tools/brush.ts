/** @file Brush and eraser. A stroke is one edit. */
import { strokeMask } from '../masks/draw'
import { maskArea } from '../../../../engine/masks/mask'
import type { Point } from '../../../../engine/image/box'
import { uniteMasks, subtractMasks } from '../../../../engine/masks/mask-algebra'
import { brush, keepClear } from '../state/prefs'
import type { MaskEntry, ImageSession } from '../state/image-session'
import { notify } from '../state/notices'
import { circle } from './ink'
import type { Pointer, Tool } from './tool'

let points: Point[] = []
let erasing = false

/** The masks that a stroke changes: the selected ones, otherwise the one under the start of the stroke. */
function targets(session: ImageSession): MaskEntry[] {
  const { chosen } = session
  if (chosen.length || !points.length) return chosen
  const under = session.masks.get(session.owners.at(Math.floor(points[0][0]), Math.floor(points[0][1])))
  return under ? [under] : []
}

function paint(session: ImageSession): void {
  const chosen = targets(session)
  if (chosen.length > 1) return notify('note', 'The brush extends one mask: select one, or none to start a new one.')
  const target = chosen[0]
  let stroke = strokeMask(points, brush.value, session.info)
  if (keepClear.value)
    stroke = subtractMasks(
      stroke,
      session.near(stroke, target ? [target.id] : []).map(({ mask }) => mask),
    )
  const mask = target ? uniteMasks([target.mask, stroke]) : stroke
  if (!mask.width || (target && maskArea(mask) === target.area)) return
  session.edit('brush', target ? [target.id] : [], [{ mask }])
}

function erase(session: ImageSession): void {
  const stroke = strokeMask(points, brush.value, session.info)
  const changed = targets(session).map((entry) => ({ entry, mask: subtractMasks(entry.mask, [stroke]) }))
  const less = changed.filter(({ entry, mask }) => maskArea(mask) < entry.area)
  if (!less.length) return
  const kept = less.filter(({ mask }) => mask.width > 0)
  session.edit(
    'erase',
    less.map(({ entry }) => entry.id),
    kept.map(({ mask }) => ({ mask })),
  )
}

const stroke = (rubber: boolean): Tool => ({
  down(_session, at: Pointer) {
    points = [at.image]
    erasing = rubber !== (at.shift || at.right)
  },
  drag(_session, { image }) {
    if (!points.length) return
    const [x, y] = points[points.length - 1]
    // shorter steps would not change the stroke
    if (Math.hypot(image[0] - x, image[1] - y) >= 0.5) points.push(image)
  },
  up(session) {
    if (!points.length) return
    try {
      if (erasing) erase(session)
      else paint(session)
    } finally {
      points = []
    }
  },
  over(session, { image: [x, y] }) {
    session.hover.value = session.selection.value.size ? 0 : session.owners.at(Math.floor(x), Math.floor(y))
  },
  cancel() {
    const busy = points.length > 0
    points = []
    return busy
  },
  draw(context, viewport, pointer) {
    const { scale } = viewport.view.value
    const colour = (points.length ? erasing : rubber) ? '#ff7b72' : '#7ee787'
    if (points.length) {
      context.beginPath()
      points.forEach((point) => context.lineTo(...viewport.toWindow(point)))
      if (points.length === 1) context.lineTo(...viewport.toWindow(points[0]))
      context.lineCap = context.lineJoin = 'round'
      context.lineWidth = 2 * brush.value * scale
      context.globalAlpha = 0.45
      context.strokeStyle = colour
      context.stroke()
      context.globalAlpha = 1
    }
    if (pointer) circle(context, pointer, Math.max(1.5, brush.value * scale), colour)
  },
})

export const brushTool = stroke(false)
export const eraseTool = stroke(true)
