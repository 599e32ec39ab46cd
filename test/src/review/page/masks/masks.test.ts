/** @file The mask operations of the review page's edits, checked exactly on small images. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { maskArea, maskContains } from '../../../../../engine/masks/mask'
import { cutMask } from '../../../../../src/review/page/masks/cut'
import { outlineMask, strokeMask } from '../../../../../src/review/page/masks/draw'
import { OwnerMap, type NumberedMask } from '../../../../../src/review/page/masks/owner'
import { deepest, filled, parts, tidied } from '../../../../../src/review/page/masks/shape'
import type { Point } from '../../../../../engine/image/box'
import { uniteMasks, subtractMasks } from '../../../../../engine/masks/mask-algebra'
import { squaredDistance } from '../../../../../engine/masks/distance-transform'
import { drawn, rows } from '../../../../support/masks'
import { randoms } from '../../../../support/random'

const size = { width: 12, height: 8 }

test('parts are 8-connected, the largest first', () => {
  const found = parts(drawn(['#..##', '.#.##', '...##']))
  assert.equal(found.map(maskArea), [6, 2])
  assert.equal([found[0].x0, found[0].width, found[1].x0], [3, 2, 0])
})

test('filling closes holes, but not areas open to the outside', () => {
  const ring = drawn(['###', '#.#', '###'], 4, 2)
  assert.is(maskArea(filled(ring)), 9)
  assert.is(maskArea(filled(drawn(['##.', '#.#', '###']))), 8, 'a corner closes: background goes by sides')
  assert.is(maskArea(filled(drawn(['#.#', '#.#', '###']))), 7)
  assert.equal(rows(filled(ring), 8, 6), rows(uniteMasks([ring, drawn(['#'], 5, 3)]), 8, 6))
})

test('tidying drops small parts and fills holes, and keeps parts of similar size', () => {
  const block = strokeMask([[20, 20]], 8, { width: 64, height: 64 })
  const crumbs = uniteMasks([subtractMasks(block, [drawn(['#'], 20, 20)]), drawn(['##'], 40, 40)])
  assert.equal(rows(tidied(crumbs), 64, 64), rows(block, 64, 64))
  const touching = uniteMasks([block, strokeMask([[45, 20]], 7, { width: 64, height: 64 })])
  assert.is(maskArea(tidied(touching)), maskArea(touching))
  assert.is(tidied(subtractMasks(block, [block])).width, 0)
})

test('a stroke has the pixels whose centres are within the radius, and is clipped at the edge', () => {
  const line: Point[] = [
    [2.5, 3.5],
    [8.5, 3.5],
  ]
  assert.equal(rows(strokeMask(line, 1, size), 12, 8).slice(2, 5), ['..#######...', '.#########..', '..#######...'])
  assert.is(maskArea(strokeMask([[4.2, 4.9]], 0.5, size)), 1, 'the smallest brush paints the pixel under it')
  const edge = strokeMask([[0, 0]], 3, size)
  assert.equal([edge.x0, edge.y0], [0, 0])
  assert.ok(edge.width <= 3 && edge.height <= 3)
  assert.is(strokeMask([[40, 40]], 3, size).width, 0, 'beyond the image there is nothing')
  assert.is(strokeMask([], 3, size).width, 0)
})

test('a disc of the brush has the area of a disc', () => {
  const disc = strokeMask([[100, 100]], 40, { width: 200, height: 200 })
  assert.ok(Math.abs(maskArea(disc) / (Math.PI * 40 * 40) - 1) < 0.01)
})

test('an outline encloses pixel centres, also where it crosses itself', () => {
  assert.equal(
    rows(
      outlineMask(
        [
          [1, 1],
          [5, 1],
          [5, 4],
          [1, 4],
        ],
        size,
      ),
      7,
      5,
    ),
    ['.......', '.####..', '.####..', '.####..', '.......'],
  )
  const twice: Point[] = [
    [0, 0],
    [6, 0],
    [6, 6],
    [0, 6],
    [0, 0],
    [6, 0],
    [6, 6],
    [0, 6],
  ].map(([x, y]) => [x + 1, y + 1])
  assert.is(maskArea(outlineMask(twice, { width: 12, height: 12 })), 36, 'twice around is around')
  const star: Point[] = Array.from({ length: 5 }, (_, i) => {
    const angle = (i * 4 * Math.PI) / 5
    return [60 + 50 * Math.sin(angle), 60 - 50 * Math.cos(angle)]
  })
  const mask = outlineMask(star, { width: 120, height: 120 })
  assert.ok(maskContains(mask, 60, 60), 'the middle of the star is inside')
  assert.is(
    outlineMask(
      [
        [1, 1],
        [2, 2],
      ],
      size,
    ).width,
    0,
  )
  assert.is(
    outlineMask(
      [
        [50, 1],
        [60, 1],
        [60, 9],
      ],
      size,
    ).width,
    0,
    'all beyond the image',
  )
})

test('a cut neither loses nor adds pixels, for random lines and masks', () => {
  const next = randoms(3)
  let cuts = 0
  for (let round = 0; round < 60; round++) {
    const centre = (): Point => [30 + 12 * next(), 30 + 12 * next()]
    const mask = strokeMask([centre(), centre()], 7, { width: 64, height: 64 })
    const line = Array.from({ length: 3 }, (): Point => [32 + 32 * next(), 32 + 32 * next()])
    const pieces = cutMask(mask, line)
    if (!pieces) continue
    cuts++
    assert.ok(pieces.length >= 2)
    assert.is(
      pieces.reduce((sum, piece) => sum + maskArea(piece), 0),
      maskArea(mask),
    )
    assert.equal(rows(uniteMasks(pieces), 64, 64), rows(mask, 64, 64))
    const areas = pieces.map(maskArea)
    assert.ok(areas[0] >= areas[1], 'the largest first')
  }
  assert.ok(cuts > 10, `${cuts} of 60 lines cut`)
})

test('a line that ends inside cuts nothing; a diagonal one does not leak at corners', () => {
  const block = strokeMask([[20, 20]], 10, { width: 64, height: 64 })
  assert.is(
    cutMask(block, [
      [0, 20],
      [20, 20],
    ]),
    null,
  )
  assert.is(
    cutMask(block, [
      [40, 0],
      [60, 60],
    ]),
    null,
    'beside it',
  )
  for (const to of [
    [38, 40],
    [40, 38],
    [40, 40],
    [39.3, 31.7],
  ] as Point[])
    assert.is(cutMask(block, [[40 - to[0], 40 - to[1]], to])?.length, 2)
})

test('parts that the line does not touch stay with the largest piece', () => {
  const island = drawn(['##'], 50, 50)
  const pieces = cutMask(uniteMasks([strokeMask([[20, 20]], 8, { width: 64, height: 64 }), island]), [
    [0, 18],
    [60, 18],
  ])!
  assert.is(pieces.length, 2)
  assert.ok(maskContains(pieces[0], 50, 50) && !maskContains(pieces[1], 50, 50))
})

test('the smaller of two masks is on top, also after masks came and went', () => {
  const next = randoms(9)
  const whole = new OwnerMap(40, 30)
  const parted = new OwnerMap(40, 30)
  const shapes = new Map<number, NumberedMask>()
  for (let id = 1; id <= 60; id++) {
    const mask = strokeMask([[20 + 22 * next(), 15 + 17 * next()]], 4 + 3 * next(), { width: 40, height: 30 })
    const gone = shapes.get(Math.floor(30 + 30 * next()))
    if (gone) shapes.delete(gone.id)
    const came = mask.width ? [{ id, mask, area: maskArea(mask) }] : []
    for (const one of came) shapes.set(id, one)
    parted.change(gone ? [gone] : [], came)
  }
  whole.change([], [...shapes.values()])
  assert.equal([...parted.ids], [...whole.ids])
  assert.is(parted.covered, whole.ids.filter((id) => id > 0).length)
  assert.is(whole.covered, parted.covered)
  for (let y = 0; y < 30; y++)
    for (let x = 0; x < 40; x++) {
      const here = [...shapes.values()].filter(({ mask }) => maskContains(mask, x, y))
      const top = here.sort((a, b) => a.area - b.area || b.id - a.id)[0]?.id ?? 0
      assert.is(whole.at(x, y), top)
    }
})

test('the number of a mask is drawn inside it', () => {
  const ring = subtractMasks(strokeMask([[30, 30]], 20, { width: 64, height: 64 }), [
    strokeMask([[30, 30]], 12, { width: 64, height: 64 }),
  ])
  const [x, y] = deepest(ring, squaredDistance(ring.data, ring.width, ring.height))
  assert.ok(maskContains(ring, Math.floor(x), Math.floor(y)))
})

test.run()
