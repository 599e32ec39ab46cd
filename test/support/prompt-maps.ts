/** @file The maps that a perfect prompt head would give for a label map. */
import type { LabelMap } from '../../engine/image/label-map'
import { resizeLongest } from '../../engine/image/model-input'
import { squaredDistance } from '../../engine/masks/distance-transform'
import type { PromptMaps } from '../../engine/sam/prompt-maps'

const CELL = 4

export function perfectMaps(labels: LabelMap, inputSize: number): PromptMaps {
  const side = inputSize / CELL
  const { width, height, data } = labels
  const valid = resizeLongest(width, height, inputSize)
  const maps: PromptMaps = {
    side,
    foreground: new Float32Array(side * side),
    centre: new Float32Array(side * side),
    distance: new Float32Array(side * side),
  }
  // label of each input pixel
  const S = inputSize
  const ids = new Int32Array(valid.width * valid.height)
  for (let y = 0; y < valid.height; y++)
    for (let x = 0; x < valid.width; x++)
      ids[y * valid.width + x] =
        data[Math.floor(((y + 0.5) * height) / valid.height) * width + Math.floor(((x + 0.5) * width) / valid.width)]
  const boxes = new Map<number, [number, number, number, number]>()
  for (let y = 0; y < valid.height; y++)
    for (let x = 0; x < valid.width; x++) {
      const id = ids[y * valid.width + x]
      if (!id) continue
      const b = boxes.get(id)
      if (!b) boxes.set(id, [x, y, x, y])
      else boxes.set(id, [Math.min(b[0], x), b[1], Math.max(b[2], x), y])
    }
  void S
  for (const [id, [x0, y0, x1, y1]] of boxes) {
    const [w, h] = [x1 - x0 + 1, y1 - y0 + 1]
    const mask = new Uint8Array(w * h)
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) mask[y * w + x] = +(ids[(y + y0) * valid.width + x + x0] === id)
    const d = Float32Array.from(squaredDistance(mask, w, h), Math.sqrt)
    let top = 0
    for (let i = 0; i < d.length; i++) if (d[i] > d[top]) top = i
    const [cx, cy, radius] = [(top % w) + x0, Math.floor(top / w) + y0, d[top]]
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) {
        const i = y * w + x
        if (!mask[i]) continue
        const at = Math.floor((y + y0) / CELL) * side + Math.floor((x + x0) / CELL)
        maps.foreground[at] += 1 / CELL ** 2
        maps.distance[at] += d[i] / radius / CELL ** 2
        maps.centre[at] += Math.exp(-((x + x0 - cx) ** 2 + (y + y0 - cy) ** 2) / (2 * (radius / 2) ** 2)) / CELL ** 2
      }
  }
  return maps
}
