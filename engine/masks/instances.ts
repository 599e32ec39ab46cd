/** @file The instances of a label map: area, bounding box and representative point. */
import { type InstanceBox, type LabelMap, MAX_LABEL } from '../image/label-map'
import { innermost } from './innermost'
import { maskOfLabel } from './mask-of-label'

export interface Instance extends InstanceBox {
  /** The pixel furthest from the outline, [x, y]; of several the first in reading order. */
  point: [number, number]
  /** True if it touches the image's edge. */
  border: boolean
}

/** Area and bounding box (inclusive) of every label in ascending order, without the background. */
export function boxes({ width, height, data }: LabelMap): InstanceBox[] {
  const slot = new Int32Array(MAX_LABEL + 1).fill(-1)
  const found: InstanceBox[] = []
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      const id = data[at]
      if (!id) continue
      if (slot[id] < 0) slot[id] = found.push({ id, area: 0, x0: x, y0: y, x1: x, y1: y }) - 1
      const box = found[slot[id]]
      box.area++
      box.y1 = y
      if (x < box.x0) box.x0 = x
      if (x > box.x1) box.x1 = x
    }
  return found.sort((a, b) => a.id - b.id)
}

/** Every instance with its representative point, in ascending order of labels. */
export function instances(labels: LabelMap): Instance[] {
  return boxes(labels).map((box) => ({
    ...box,
    point: innermost(maskOfLabel(labels, box)),
    border: box.x0 === 0 || box.y0 === 0 || box.x1 === labels.width - 1 || box.y1 === labels.height - 1,
  }))
}
