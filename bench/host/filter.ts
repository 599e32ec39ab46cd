/** @file Benchmark of filtering candidates, as `wgsam generate refilter` and the sliders of the review page do. */
import type { Overlap, CandidateMeasures } from '../../engine/generate/candidate'
import { wholeRegion } from '../../engine/image/box'
import { filterCandidates } from '../../engine/generate/filter'
import { defaultGeneratorOptions } from '../../engine/generate/generator-options'
import { Rng } from '../../engine/rng'

/** Random squares of 10 to 30 pixels, about three of which cover each pixel. */
function randomCandidates(count: number) {
  const rng = new Rng(9)
  const width = Math.ceil(Math.sqrt(count * 150))
  const crop = wholeRegion({ width, height: width })
  const candidates = Array.from({ length: count }, (): CandidateMeasures => {
    const [x, y, side] = [rng.range(0, width - 30), rng.range(0, width - 30), rng.range(10, 30)].map(Math.floor)
    const box = { x0: x, y0: y, x1: x + side - 1, y1: y + side - 1 }
    return { box, area: side * side, predictedIou: rng.range(0.7, 1), stability: rng.range(0.9, 1), crop }
  })
  const overlaps: Overlap[] = []
  for (let a = 0; a < count; a++)
    for (let b = a + 1; b < count; b++) {
      const [p, q] = [candidates[a].box, candidates[b].box]
      const w = Math.min(p.x1, q.x1) - Math.max(p.x0, q.x0) + 1
      const h = Math.min(p.y1, q.y1) - Math.max(p.y0, q.y0) + 1
      if (w > 0 && h > 0) overlaps.push([a, b, w * h])
    }
  return { size: { width, height: width }, candidates, overlaps }
}

/** A case that uses the CPU only, timed by the host's clock. */
export interface HostCase {
  name: string
  quick: boolean
  /** Prepares the data. Returns the function to time. */
  prepare(): () => void
}

export const hostCases: readonly HostCase[] = [300, 1000, 5000].map((count) => ({
  name: `filter ${count} candidates again, all filters on`,
  quick: true,
  prepare() {
    const set = randomCandidates(count)
    return () => void filterCandidates(set, defaultGeneratorOptions)
  },
}))
