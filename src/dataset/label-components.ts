/** @file The connected components of the labels of a label map. */
import type { LabelMap } from '../../engine/image/label-map'

export interface LabelComponents {
  /** (height, width): the number of each pixel's component, from 1 in reading order; 0 is background. */
  map: Uint32Array
  /** Label and area in pixels of component i + 1. */
  list: { id: number; area: number }[]
}

/** The 8-connected components of pixels of the same label. */
export function labelComponents({ width, height, data }: LabelMap): LabelComponents {
  const map = new Uint32Array(width * height)
  const list: LabelComponents['list'] = []
  const stack: number[] = []
  for (let start = 0; start < map.length; start++) {
    const id = data[start]
    if (!id || map[start]) continue
    const component = { id, area: 0 }
    const number = list.push(component)
    map[start] = number
    stack.push(start)
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      component.area++
      const x = at % width
      const y = (at - x) / width
      const [left, right] = [Math.max(0, x - 1), Math.min(width - 1, x + 1)]
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++)
        for (let next = ny * width + left; next <= ny * width + right; next++)
          if (data[next] === id && !map[next]) {
            map[next] = number
            stack.push(next)
          }
    }
  }
  return { map, list }
}
