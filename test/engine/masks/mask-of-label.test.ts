/** @file The mask of one instance of a label map. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { maskOfLabel } from '../../../engine/masks/mask-of-label'
import { boxOf, labelsOf, rows } from '../../support/masks'

test('the pixels of the label within the box, without those of other labels', () => {
  const labels = labelsOf(6, 4, [
    [3, 1, 1, 4, 2],
    [9, 2, 2, 5, 3],
  ])
  const mask = maskOfLabel(labels, { id: 3, ...boxOf(1, 1, 4, 2) })
  assert.equal(rows(mask, 6, 4), ['......', '.####.', '.#....', '......'])
  assert.equal([mask.x0, mask.y0, mask.width, mask.height], [1, 1, 4, 2])
})

test.run()
