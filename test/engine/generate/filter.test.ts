/** @file The filters, which use measures only: each rule, their order, and the counts of removed candidates. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CandidateSet, Overlap, CandidateMeasures } from '../../../engine/generate/candidate'
import { type FilterOptions, filterCandidates, filterNames } from '../../../engine/generate/filter'
import { boxNms } from '../../../engine/generate/nms'
import { boxOf, regionOf } from '../../support/masks'
import { randoms } from '../../support/random'

const size = { width: 100, height: 80 }
const image = regionOf(0, 0, 100, 80)
const off: FilterOptions = {
  predIouThresh: 0,
  stabilityScoreThresh: 0,
  minArea: 0,
  maxArea: 1,
  dropFrames: false,
  boxNmsThresh: 1,
  maskNmsThresh: 1,
  containmentThresh: 1,
  relativeScoreThresh: 0,
}
const mask = (over: Partial<CandidateMeasures> = {}): CandidateMeasures => ({
  area: 50,
  box: boxOf(10, 10, 20, 20),
  predictedIou: 0.9,
  stability: 0.97,
  crop: image,
  ...over,
})
const setOf = (candidates: CandidateMeasures[], overlaps: Overlap[] = []): CandidateSet<CandidateMeasures> => ({
  size,
  candidates,
  overlaps,
})

function run(set: CandidateSet<CandidateMeasures>, options: Partial<FilterOptions>) {
  const { kept, removed } = filterCandidates(set, { ...off, ...options })
  const gone = Object.entries(removed).filter(([, n]) => n)
  assert.is(
    kept.length + gone.reduce((sum, [, n]) => sum + n, 0),
    set.candidates.length,
    'each is kept or counted as removed',
  )
  assert.equal(Object.keys(removed), [...filterNames])
  return { kept, removed: Object.fromEntries(gone) }
}

test('thresholds: predicted IoU above, stability at least; 0 is off', () => {
  const set = setOf([
    mask({ predictedIou: 0.8 }),
    mask({ predictedIou: 0.81, stability: 0.9 }),
    mask({ predictedIou: -0.1, stability: 0.95 }),
  ])
  assert.equal(run(set, {}).kept, [1, 0, 2])
  assert.equal(run(set, { predIouThresh: 0.8 }), { kept: [1], removed: { predictedIou: 2 } })
  assert.equal(run(set, { stabilityScoreThresh: 0.95 }), { kept: [0, 2], removed: { stability: 1 } })
  assert.equal(run(set, { predIouThresh: 0.7, stabilityScoreThresh: 0.95 }).removed, { predictedIou: 1, stability: 1 })
})

test('areas in pixels and as a fraction of the image', () => {
  const set = setOf([mask({ area: 10 }), mask({ area: 11 }), mask({ area: 4000 }), mask({ area: 4001 })])
  assert.equal(run(set, { minArea: 11, maxArea: 0.5 }), { kept: [1, 2], removed: { minArea: 1, maxArea: 1 } })
})

test('frames touch three or four edges', () => {
  const boxes = [
    boxOf(0, 0, 99, 79),
    boxOf(0, 0, 50, 79),
    boxOf(0, 0, 99, 40),
    boxOf(0, 5, 99, 40),
    boxOf(0, 0, 50, 40),
    boxOf(1, 0, 99, 78),
  ]
  const set = setOf(boxes.map((box) => mask({ box })))
  assert.equal(run(set, { dropFrames: true }), { kept: [3, 4, 5], removed: { frames: 3 } })
})

test('box NMS removes the worse of two of one crop', () => {
  const crop = regionOf(0, 0, 50, 50)
  const set = setOf([
    mask({ predictedIou: 0.9 }),
    mask({ predictedIou: 0.95, box: boxOf(10, 10, 20, 21) }),
    mask({ predictedIou: 0.8, crop }),
    mask({ predictedIou: 0.7, crop: { ...crop } }),
  ])
  assert.equal(run(set, { boxNmsThresh: 0.7 }), { kept: [1, 2], removed: { boxNms: 2 } })
  assert.equal(run(set, { boxNmsThresh: 0.95 }).kept, [1, 0, 2])
})

test('mask NMS removes the worse of two; a removed one suppresses nothing', () => {
  const set = setOf(
    [0.9, 0.95, 0.85].map((predictedIou) => mask({ predictedIou, area: 100 })),
    [
      [0, 1, 90],
      [0, 2, 90],
      [1, 2, 40],
    ],
  )
  assert.equal(run(set, { maskNmsThresh: 0.7 }), { kept: [1, 2], removed: { maskNms: 1 } })
  assert.equal(run(set, { maskNmsThresh: 0.9 }).kept, [1, 0, 2])
  assert.equal(run(set, { maskNmsThresh: 0.7, predIouThresh: 0.91 }).kept, [1])
})

// a cluster of 1000 pixels and the masks inside it
const inside = (cluster: number, parts: [area: number, iou: number][], overlaps: Overlap[] = []) => {
  const set = setOf(
    [mask({ area: 1000, predictedIou: cluster }), ...parts.map(([area, predictedIou]) => mask({ area, predictedIou }))],
    [...parts.map(([area], i): Overlap => [0, i + 1, area]), ...overlaps],
  )
  return run(set, { containmentThresh: 0.9 }).kept.sort((a, b) => a - b)
}

test('a cluster is removed in favour of the particles in it', () => {
  assert.equal(
    inside(0.9, [
      [300, 0.88],
      [300, 0.87],
    ]),
    [1, 2],
  )
  assert.equal(
    inside(0.98, [
      [300, 0.88],
      [300, 0.87],
    ]),
    [0],
    'not in favour of much worse ones',
  )
  assert.equal(
    inside(0.9, [
      [100, 0.97],
      [100, 0.96],
    ]),
    [1, 2],
    'small ones must be better',
  )
  assert.equal(
    inside(0.9, [
      [100, 0.92],
      [100, 0.92],
    ]),
    [0],
  )
})

test('a fragment is removed in favour of its particle', () => {
  assert.equal(inside(0.9, [[100, 0.94]]), [0])
  assert.equal(inside(0.9, [[100, 0.96]]), [1], 'unless the larger one is much worse')
  assert.equal(inside(0.9, [[700, 0.91]]), [1], 'the better of two similar ones')
  assert.equal(inside(0.9, [[700, 0.89]]), [0])
})

test('two masks of one particle do not count as two particles', () => {
  assert.equal(
    inside(
      0.92,
      [
        [600, 0.9],
        [600, 0.91],
      ],
      [[1, 2, 590]],
    ),
    [0],
  )
})

test('a fragment is removed before its particle is counted', () => {
  // 0: cluster, 1 and 2: particles, 3: a fragment of 1
  const set = setOf(
    [
      mask({ area: 1000, predictedIou: 0.9 }),
      mask({ area: 400 }),
      mask({ area: 400 }),
      mask({ area: 60, predictedIou: 0.93 }),
    ],
    [
      [0, 1, 400],
      [0, 2, 400],
      [0, 3, 60],
      [1, 3, 60],
    ],
  )
  assert.equal(run(set, { containmentThresh: 0.85 }), { kept: [1, 2], removed: { containment: 2 } })
})

test('masks that overlap a little are kept', () => {
  const set = setOf([mask({ area: 100 }), mask({ area: 90 })], [[0, 1, 40]])
  assert.equal(run(set, { containmentThresh: 0.5, maskNmsThresh: 0.5 }).kept, [0, 1])
})

test('a score far below the best of the image', () => {
  const scores = [0.8, 0.5, 0.95, 0.6, 0.9, 0.7]
  const set = setOf(scores.map((score) => mask({ predictedIou: score / 0.5, stability: 0.5 })))
  // the 90 % quantile is 0.925
  assert.equal(run(set, { relativeScoreThresh: 0.7 }), { kept: [2, 4, 0, 5], removed: { relativeScore: 2 } })
  assert.equal(run(set, { relativeScoreThresh: 0.9 }).kept, [2, 4])
  const above = run(set, { predIouThresh: 1.1, relativeScoreThresh: 0.7 })
  assert.equal(above, { kept: [2, 4, 0, 5], removed: { predictedIou: 1, relativeScore: 1 } }, 'of what the others keep')
  const unstable = setOf([mask({ predictedIou: 0.9, stability: 0.9 }), mask({ predictedIou: 0.95, stability: 0.5 })])
  assert.equal(run(unstable, { relativeScoreThresh: 0.85 }).kept, [0])
  const alone = setOf([mask({ predictedIou: 0.5 })])
  assert.equal(run(alone, { relativeScoreThresh: 1 }).kept, [0], 'the best stays')
  const unscored = setOf([...set.candidates, mask({ predictedIou: 0, stability: 0, origin: 'watershed' })])
  assert.equal(run(unscored, { relativeScoreThresh: 0.7 }).kept, [2, 4, 0, 5, 6], 'what has no score has no part in it')
  const none = setOf([mask({ predictedIou: 0, stability: 0, origin: 'watershed' })])
  assert.equal(run(none, { relativeScoreThresh: 0.9 }).kept, [0])
})

test('an empty set, and overlaps that name no candidate', () => {
  const all = { maskNmsThresh: 0.5, containmentThresh: 0.5, boxNmsThresh: 0.5, relativeScoreThresh: 0.9 }
  assert.equal(run(setOf([]), all).kept, [])
  assert.throws(() => run(setOf([mask()], [[0, 1, 3]]), { maskNmsThresh: 0.5 }), /an overlap of 0 and 1 does not fit/)
})

test('box NMS as in the reference: sides from pixel to pixel, ties to the earlier, boxes without area suppress nothing', () => {
  const a = boxOf(0, 0, 10, 10)
  assert.equal(boxNms([a, boxOf(0, 0, 10, 7), boxOf(5, 5, 5, 9), boxOf(5, 5, 5, 9)], [1, 1, 2, 2], 0.7), [2, 3, 0, 1])
  assert.equal(boxNms([a, boxOf(0, 0, 10, 7.1)], [1, 1], 0.7), [0])
  assert.equal(boxNms([a, a], [1, 2], 0.99), [1])
})

test('of five thousand candidates, no two that are kept exceed a threshold', () => {
  const next = randoms(9)
  const candidates = Array.from({ length: 5000 }, (): CandidateMeasures => {
    const [x, y, side] = [(next() + 1) * 900, (next() + 1) * 900, 10 + 20 * Math.abs(next())]
    return mask({
      box: boxOf(x, y, x + side, y + side),
      area: side * side,
      predictedIou: 0.85 + 0.1 * next(),
      crop: regionOf(0, 0, 2000, 2000),
    })
  })
  const overlaps: Overlap[] = []
  for (let a = 0; a < 5000; a++)
    for (let b = a + 1; b < 5000; b++) {
      const [p, q] = [candidates[a].box, candidates[b].box]
      const [w, h] = [Math.min(p.x1, q.x1) - Math.max(p.x0, q.x0), Math.min(p.y1, q.y1) - Math.max(p.y0, q.y0)]
      if (w > 0 && h > 0) overlaps.push([a, b, w * h])
    }
  const set = { size: { width: 2000, height: 2000 }, candidates, overlaps }
  const all = { ...off, predIouThresh: 0.5, boxNmsThresh: 0.9, maskNmsThresh: 0.7, containmentThresh: 0.8 }
  const { kept, removed } = filterCandidates(set, all)
  const stays = new Set(kept)
  const share = ([a, b, pixels]: Overlap) => {
    const [p, q] = [candidates[a].area, candidates[b].area]
    return { iou: pixels / (p + q - pixels), inside: pixels / Math.min(p, q) }
  }
  for (const overlap of overlaps) {
    if (!stays.has(overlap[0]) || !stays.has(overlap[1])) continue
    const { iou, inside } = share(overlap)
    assert.ok(iou <= 0.7 && inside <= 0.8, `${overlap}`)
  }
  const gone = Object.values(removed).reduce((a, b) => a + b, 0)
  assert.is(kept.length + gone, 5000)
  assert.ok(kept.length > 1000 && removed.maskNms > 10 && removed.containment > 10)
})

test.run()
