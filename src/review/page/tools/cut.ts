/** @file The knife: splits a mask along a drawn line. */
import { cutMask } from '../masks/cut'
import { maskContains } from '../../../../engine/masks/mask'
import type { Point } from '../../../../engine/image/box'
import { notify } from '../state/notices'
import type { MaskEntry, ImageSession } from '../state/image-session'
import { path } from './ink'
import type { Tool } from './tool'

let line: Point[] = []

/** The number of the line's samples on the mask; if the line cuts several masks, the one with most is meant. */
const onMask = ({ mask }: MaskEntry) => line.filter(([x, y]) => maskContains(mask, Math.floor(x), Math.floor(y))).length

function cut(session: ImageSession): void {
  const { chosen } = session
  const pieces = (chosen.length ? chosen : session.list)
    .filter((entry) => onMask(entry) > 0)
    .flatMap((entry) => {
      const found = cutMask(entry.mask, line)
      return found ? [{ entry, found }] : []
    })
  if (!pieces.length) return notify('note', 'The line has to cross a mask from one side to the other.')
  pieces.sort((a, b) => onMask(b.entry) - onMask(a.entry))
  const meant = chosen.length ? pieces : pieces.slice(0, 1)
  session.edit(
    'split',
    meant.map(({ entry }) => entry.id),
    meant.flatMap(({ found }) => found.map((mask) => ({ mask }))),
  )
}

export const cutTool: Tool = {
  down(_session, at) {
    if (!at.right) line = [at.image]
  },
  drag(_session, { image }) {
    const last = line[line.length - 1]
    if (!last) return
    // samples at most one pixel apart, so that onMask measures length
    const steps = Math.ceil(Math.hypot(image[0] - last[0], image[1] - last[1]))
    for (let i = 1; i <= steps; i++)
      line.push([last[0] + ((image[0] - last[0]) * i) / steps, last[1] + ((image[1] - last[1]) * i) / steps])
  },
  up(session) {
    try {
      if (line.length > 1) cut(session)
    } finally {
      line = []
    }
  },
  over(session, { image: [x, y] }) {
    session.hover.value = session.selection.value.size ? 0 : session.owners.at(Math.floor(x), Math.floor(y))
  },
  cancel() {
    const busy = line.length > 0
    line = []
    return busy
  },
  draw(context, viewport) {
    path(context, viewport, line, { colour: '#ffd33d', width: 2 })
  },
}
