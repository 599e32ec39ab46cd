/** @file Parts of a command's images: what is read from --part and from Slurm's variables, and that each image is in one part. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arrayPart, itemsOf, parsePart, partOfRank, partWith } from '../../../src/parts/part'

const array = (id: number, min: number, max: number, count: number, step?: number) =>
  arrayPart({
    SLURM_ARRAY_TASK_ID: `${id}`,
    SLURM_ARRAY_TASK_MIN: `${min}`,
    SLURM_ARRAY_TASK_MAX: `${max}`,
    SLURM_ARRAY_TASK_COUNT: `${count}`,
    ...(step !== undefined && { SLURM_ARRAY_TASK_STEP: `${step}` }),
  })

test('--part', () => {
  assert.equal(parsePart('2/8'), { index: 2, count: 8 })
  for (const wrong of ['', '2', '0/8', '9/8', '1/0', '-1/2', '1/2/3', '1.5/2', 'a/b', '1/999999'])
    assert.throws(() => parsePart(wrong), /--part/, wrong)
})

test('job arrays from any number, in any steps', () => {
  assert.is(arrayPart({}), null)
  assert.equal(array(0, 0, 7, 8), { index: 1, count: 8 })
  assert.equal(array(7, 0, 7, 8, 1), { index: 8, count: 8 })
  assert.equal(array(20, 10, 30, 3, 10), { index: 2, count: 3 })
  // the last number of --array=1-8:3 is 7 or 8, depending on the version
  assert.equal(array(7, 1, 8, 3, 3), { index: 3, count: 3 })
  assert.equal(array(5, 5, 5, 1), { index: 1, count: 1 })
})

test('tasks that cannot know their part say what to do', () => {
  assert.throws(() => array(5, 1, 7, 3), /not numbered evenly.*--part/)
  assert.throws(() => array(4, 1, 7, 3, 2), /--part/)
  assert.throws(() => arrayPart({ SLURM_ARRAY_TASK_ID: '3' }), /SLURM_ARRAY_TASK_MIN is not set/)
  assert.throws(() => array(9, 0, 7, 8), /--part/)
})

test('every item is in exactly one part, also with more parts than items, and of ranks within tasks', () => {
  const items = Array.from({ length: 11 }, (_, i) => i)
  for (const count of [1, 2, 3, 8, 20]) {
    const parts = Array.from({ length: count }, (_, i) => itemsOf(items, { index: i + 1, count }))
    assert.equal(
      parts.flat().sort((a, b) => a - b),
      items,
    )
    parts.forEach((part, i) => part.forEach((item) => assert.is(partWith(item, count), i + 1)))
    const sizes = parts.map(({ length }) => length)
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
  }
  const ranks = [1, 2].flatMap((index) => [0, 1, 2].map((rank) => partOfRank({ index, count: 2 }, rank, 3)))
  assert.equal(
    ranks,
    [1, 2, 3, 4, 5, 6].map((index) => ({ index, count: 6 })),
  )
  assert.is(partOfRank(null, 0, 1), null)
})

test.run()
