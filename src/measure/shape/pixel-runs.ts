/** @file Masks as horizontal runs of pixels: memory and time depend on a mask's own pixels, however scattered they are. */
import type { Mask } from '../../../engine/masks/mask'
import type { Region } from '../../../engine/image/box'
import { MAX_LABEL } from '../../../engine/image/label-map'
import type { Size } from '../../../engine/image/size'

/**
 * Pixels of a mask as triples (row, first column, one past the last column), ordered by row, then column. Runs of a row
 * neither overlap nor touch.
 */
export type PixelRuns = Int32Array

export interface LabelledMask {
  id: number
  runs: PixelRuns
  /** The model's stability score, 0 to 1; absent or null for a mask that no model made, or that a person changed. */
  stability?: number | null
}

/** The runs of every label, by label; 0 is the background. Labels are whole numbers from 0 to MAX_LABEL. */
export function runsOfLabels({ width, height, data }: Size & { data: Uint16Array }): LabelledMask[] {
  const counts = new Uint32Array(MAX_LABEL + 1)
  eachLabelRun(data, width, height, (id) => counts[id]++)
  const at = new Uint32Array(MAX_LABEL + 1)
  const runs: (PixelRuns | undefined)[] = Array.from(counts, (count) => (count ? new Int32Array(3 * count) : undefined))
  eachLabelRun(data, width, height, (id, y, x0, x1) => {
    const place = at[id]
    runs[id]!.set([y, x0, x1], place)
    at[id] = place + 3
  })
  return runs.flatMap((of, id) => (of ? [{ id, runs: of }] : []))
}

function eachLabelRun(
  data: Uint16Array,
  width: number,
  height: number,
  take: (id: number, y: number, x0: number, x1: number) => void,
): void {
  for (let y = 0; y < height; y++) {
    const row = y * width
    for (let x = 0; x < width;) {
      const id = data[row + x]
      const x0 = x++
      while (x < width && data[row + x] === id) x++
      if (id) take(id, y, x0, x)
    }
  }
}

/** The runs of a mask, in its image's coordinates. */
export function runsOfMask({ x0, y0, width, height, data }: Mask): PixelRuns {
  const runs: number[] = []
  for (let y = 0; y < height; y++) {
    const row = y * width
    for (let x = 0; x < width;) {
      if (!data[row + x]) {
        x++
        continue
      }
      const from = x++
      while (x < width && data[row + x]) x++
      runs.push(y0 + y, x0 + from, x0 + x)
    }
  }
  return Int32Array.from(runs)
}

/** The number of pixels in the runs. */
export function areaOf(runs: PixelRuns): number {
  let area = 0
  for (let i = 0; i < runs.length; i += 3) area += runs[i + 2] - runs[i + 1]
  return area
}

/** The smallest region around the runs. */
export function boundsOf(runs: PixelRuns): Region {
  let [x0, x1] = [Infinity, -Infinity]
  for (let i = 0; i < runs.length; i += 3) {
    if (runs[i + 1] < x0) x0 = runs[i + 1]
    if (runs[i + 2] > x1) x1 = runs[i + 2]
  }
  return { left: x0, top: runs[0], right: x1, bottom: runs[runs.length - 3] + 1 }
}

/** The mask of runs, as large as their bounds: for masks that are not scattered. */
export function maskOfRuns(runs: PixelRuns): Mask {
  const { left, top, right, bottom } = boundsOf(runs)
  const [width, height] = [right - left, bottom - top]
  const data = new Uint8Array(width * height)
  for (let i = 0; i < runs.length; i += 3) {
    const row = (runs[i] - top) * width - left
    data.fill(1, row + runs[i + 1], row + runs[i + 2])
  }
  return { x0: left, y0: top, width, height, data }
}

/**
 * Whether the rectangle around a mask has many more pixels than the mask: an array of it would cost more than the mask's own
 * pixels warrant, and a hostile map could hold thousands of such masks.
 */
export function isScattered(runs: PixelRuns): boolean {
  const { left, top, right, bottom } = boundsOf(runs)
  const pixels = (right - left) * (bottom - top)
  return pixels > 1024 && pixels > 24 * areaOf(runs)
}
