/** @file Filtering again and accepting, without a browser: hand-made masks, the order of the list, unusual images. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeMask } from '../../../../engine/masks/rle'
import type { CandidateFile } from '../../../../src/project/file-schemas'
import type { LogEntry, ReviewHistory } from '../../../../src/project/review/review-records'
import { suspicion } from '../../../../src/review/page/state/suspicion'
import { Candidates } from '../../../../src/review/page/state/refilter'
import { reviewedOf } from '../../../../src/review/page/state/reviewed'
import { unlikeOthers } from '../../../../src/review/page/state/unlike-others'
import { made, SIZE, square } from '../../../support/review'

/** Squares as candidates: x, y, side, predicted IoU. */
const squares: [number, number, number, number][] = [
  [2, 2, 10, 0.95],
  [20, 2, 10, 0.9],
  [40, 2, 10, 0.7],
  [2, 20, 10, 0.7],
  [20, 20, 10, 0.7],
]
const info = { name: 'a', ...SIZE, source: '', page: 0, croppedBottom: 0, pixelSize: null }
const file: CandidateFile = {
  version: 1,
  image: info,
  candidates: squares.map(([x, y, side, iou]) => ({
    segmentation: square(x, y, side),
    ...{ area: side * side, bbox: [x, y, side, side], crop_box: [0, 0, SIZE.width, SIZE.height] },
    ...{ predicted_iou: iou, stability_score: 0.95, point_coords: [[x, y]] },
  })),
  overlaps: [],
  options: { predIouThresh: 0.88, maskNmsThresh: 0.7 },
}
const proposal = (i: number) => ({
  ...made(i + 1, 'proposal', square(squares[i][0], squares[i][1], 10)),
  predictedIou: 0.9,
})
const entry = (seq: number, edit: Extract<LogEntry, { type: 'edit' }>['edit']): LogEntry => ({
  ...{ type: 'edit', seq, time: '', window: 'w' },
  edit,
})
const history = (entries: LogEntry[]): ReviewHistory => ({
  image: info,
  proposals: [proposal(0), proposal(1)],
  entries,
})

test('the filter adds no mask over one that a person made, whatever its own settings are', () => {
  const candidates = new Candidates(file)
  const wide = { ...candidates.options, predIouThresh: 0.5 }
  assert.equal(candidates.compare(reviewedOf(history([])), wide).add, [2, 3, 4])
  // a drawn mask over 60 % of candidate 2, one over 40 % of candidate 3, and a small one inside candidate 4
  const drawn = (x: number, y: number, width: number, height: number, id: number) =>
    made(id, 'brush', encodeMask({ x0: x, y0: y, width, height, data: new Uint8Array(width * height).fill(1) }, SIZE))
  const edited = reviewedOf(
    history([
      entry(1, {
        kind: 'brush',
        remove: [],
        add: [drawn(44, 2, 20, 10, 3), drawn(8, 20, 10, 10, 4), drawn(24, 24, 3, 3, 5)],
      }),
    ]),
  )
  assert.equal(candidates.compare(edited, wide).add, [3])
  assert.equal(candidates.compare(edited, { ...wide, containmentThresh: 0.3 }).add, [])
  assert.equal(candidates.compare(edited, wide).remove, [], 'and removes none')
  // what another filter or a search let in is no obstacle
  const searched = entry(1, { kind: 'similar', remove: [], add: [made(3, 'similar', square(44, 2, 10))] })
  assert.equal(candidates.compare(reviewedOf(history([searched])), wide).add, [2, 3, 4])
})

test('in the list, what programs proposed comes first, and what a person made last', () => {
  const place = (origin: Parameters<typeof made>[1], predictedIou: number | null, stability: number | null) =>
    suspicion({ area: 4, review: { ...made(1, origin, square(1, 1, 2)), predictedIou, stability } })
  const watershed = (area: number) =>
    suspicion({
      area,
      review: { ...made(1, 'proposal', square(1, 1, 2)), source: 'watershed', predictedIou: null, stability: null },
    })
  const order = [
    watershed(9),
    watershed(4000),
    place('refilter', 0.5, 0.6),
    place('proposal', 0.6, 0.7),
    place('similar', 0.9, 0.9),
    place('proposal', 0.99, 1),
    place('proposal', null, null),
    place('prompt', 0.5, 0.5),
    place('brush', null, null),
  ]
  assert.equal(
    order,
    [...order].sort((a, b) => a - b),
  )
})

test('an image with far fewer or more masks than the others is remarked on, by count and by coverage', () => {
  const pixels = 1e6
  const others = [80, 100, 120].map((masks) => ({ masks, pixels, covered: 0.3 }))
  const why = (masks: number, covered: number, area = pixels) => unlikeOthers({ masks, covered, pixels: area }, others)
  assert.is(why(60, 0.25), null)
  assert.match(why(1, 0.027)!, '1 mask, which cover 2.7 % of it')
  assert.match(why(1, 0.027)!, 'about 100 masks')
  assert.match(why(1, 0.027)!, 'as ground')
  assert.match(why(90, 0.05)!, 'as ground', 'small remains of masks')
  assert.match(why(500, 0.6)!, 'two masks on one particle')
  assert.is(why(24, 0.25, pixels / 4), null, 'a smaller image has fewer')
  assert.match(why(0, 0)!, 'no masks')
  assert.match(unlikeOthers({ masks: 0, covered: 0, pixels }, [])!, 'no masks')
  assert.is(unlikeOthers({ masks: 1, covered: 0.001, pixels }, others.slice(0, 1)), null, 'one other says nothing')
})

test.run()
