/** @file Filtering candidates again: milliseconds by their number, all filters on. usage: [repetitions] */
import type { Overlap, Scored } from '../engine/generate/candidate'
import { filterCandidates } from '../engine/generate/filter'
import { defaultGeneratorOptions } from '../engine/generate/options'
import { Rng } from '../engine/train/rng'

const repetitions = Number(process.argv[2] ?? 20)

/** Squares of 10 to 30 pixels, about three on every place. */
function made(count: number) {
  const rng = new Rng(9)
  const width = Math.ceil(Math.sqrt(count * 150))
  const crop: Scored['crop'] = [0, 0, width, width]
  const candidates = Array.from({ length: count }, (): Scored => {
    const [x, y, side] = [rng.range(0, width - 30), rng.range(0, width - 30), rng.range(10, 30)].map(Math.floor)
    const box: Scored['box'] = [x, y, x + side - 1, y + side - 1]
    return { box, area: side * side, predictedIou: rng.range(0.7, 1), stability: rng.range(0.9, 1), crop }
  })
  const overlaps: Overlap[] = []
  for (let a = 0; a < count; a++)
    for (let b = a + 1; b < count; b++) {
      const [p, q] = [candidates[a].box, candidates[b].box]
      const w = Math.min(p[2], q[2]) - Math.max(p[0], q[0]) + 1
      const h = Math.min(p[3], q[3]) - Math.max(p[1], q[1]) + 1
      if (w > 0 && h > 0) overlaps.push([a, b, w * h])
    }
  return { size: { width, height: width }, candidates, overlaps }
}

console.log('candidates  overlaps  kept  median ms  slowest ms')
for (const count of [300, 1000, 5000]) {
  const set = made(count)
  let kept = 0
  const times = Array.from({ length: repetitions }, () => {
    const start = performance.now()
    kept = filterCandidates(set, defaultGeneratorOptions).kept.length
    return performance.now() - start
  }).sort((a, b) => a - b)
  const cells = [count, set.overlaps.length, kept, times[repetitions >> 1].toFixed(1), times.at(-1)!.toFixed(1)]
  console.log(cells.map((cell, i) => String(cell).padStart([10, 8, 4, 9, 10][i])).join('  '))
}
