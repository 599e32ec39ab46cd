/** @file Connected components of a mask. */

export interface Components {
  /** (height, width): component of each pixel, numbered from 1 in reading order of their first pixels; 0 outside the mask */
  labels: Int32Array
  /** areas[i]: pixels of component i + 1 */
  areas: number[]
}

/** The 8-connected components of a (height, width) mask. */
export function components(mask: ArrayLike<number>, width: number, height: number): Components {
  const labels = new Int32Array(width * height)
  const areas: number[] = []
  const stack: number[] = []
  for (let start = 0; start < labels.length; start++) {
    if (!mask[start] || labels[start]) continue
    const id = areas.push(0)
    labels[start] = id
    stack.push(start)
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      areas[id - 1]++
      const x = at % width
      const y = (at - x) / width
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++)
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx
          if (!mask[next] || labels[next]) continue
          labels[next] = id
          stack.push(next)
        }
    }
  }
  return { labels, areas }
}
