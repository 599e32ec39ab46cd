/** @file Classes, locks and comments in a review's log: replayed, undone, inherited, and refused where they make no sense. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InvalidEntryError, ReviewDocument } from '../../../../src/project/review/document'
import { correctionsOf } from '../../../../src/project/review/corrections'
import { checkValue } from '../../../../src/text/check-value'
import { entrySchema } from '../../../../src/project/review/log-schema'
import type { Marking } from '../../../../src/project/review/mask-marks'
import type { Action, EditKind, LogEntry, ReviewMask } from '../../../../src/project/review/review-records'
import { made, SIZE, square } from '../../../support/review'

const proposals: ReviewMask[] = [1, 2, 3].map((id) => made(id, 'proposal', square(8 * id, 5, 6)))

/** A document with its log, which is checked like one that is read from a file. */
class Logged {
  readonly entries: LogEntry[] = []
  document = new ReviewDocument(SIZE, proposals)

  act(action: Action): void {
    const entry = { seq: this.document.seq + 1, time: '2026-01-01T00:00:00.000Z', window: 'w', ...action }
    const read = checkValue(entrySchema, JSON.parse(JSON.stringify(entry)))
    this.document.apply(read)
    this.entries.push(read)
    const again = ReviewDocument.replay({ image: SIZE, proposals, entries: this.entries })
    assert.equal(this.marks(again), this.marks())
    assert.is(again.comment, this.document.comment)
  }

  mark(mark: Marking): void {
    this.act({ type: 'mark', mark })
  }

  edit(kind: EditKind, remove: number[], add = 1): void {
    const { nextId } = this.document
    const masks = Array.from({ length: add }, (_, i) => made(nextId + i, kind, square(4 * i, 20, 3)))
    this.act({ type: 'edit', edit: { kind, remove, add: masks } })
  }

  marks(document = this.document) {
    return document.masks.map(({ id }) => ({ id, ...document.marksOf(id) }))
  }
}

const refused = (run: () => void, text: RegExp) =>
  assert.throws(run, (error: Error) => error instanceof InvalidEntryError && text.test(error.message))

test('classes, locks and comments are set, undone and redone, and change no mask and no acceptance', () => {
  const log = new Logged()
  log.act({ type: 'state', state: 'accepted' })
  log.mark({ ids: [1, 2], className: 'rod' })
  log.mark({ ids: [2], locked: true, comment: 'two\nlines' })
  log.mark({ ids: [], comment: 'out of focus' })
  assert.equal(log.marks(), [
    { id: 1, className: 'rod', locked: false, comment: '' },
    { id: 2, className: 'rod', locked: true, comment: 'two\nlines' },
    { id: 3, className: null, locked: false, comment: '' },
  ])
  assert.is(log.document.comment, 'out of focus')
  for (let i = 0; i < 3; i++) log.act({ type: 'undo' })
  assert.equal(log.marks(new ReviewDocument(SIZE, proposals)), log.marks())
  assert.is(log.document.comment, '')
  assert.not(log.document.canUndo)
  for (let i = 0; i < 3; i++) log.act({ type: 'redo' })
  assert.is(log.document.marksOf(2).comment, 'two\nlines')
  assert.is(log.document.comment, 'out of focus')
  assert.is(log.document.state, 'accepted')
  assert.equal(log.document.masks, proposals)
})

test('no edit removes a locked mask; unlocked, it can be removed, and undo goes back through both', () => {
  const log = new Logged()
  log.mark({ ids: [2], locked: true })
  refused(() => log.edit('remove', [2], 0), /mask 2 is locked/)
  refused(() => log.edit('merge', [1, 2]), /mask 2 is locked/)
  log.mark({ ids: [2], locked: false })
  log.edit('remove', [2], 0)
  log.act({ type: 'undo' })
  log.act({ type: 'undo' })
  assert.ok(log.document.marksOf(2).locked)
  assert.is(log.document.masks.length, 3)
})

test('what is made from a mask has its class and its comment; what a merge makes only a class that all have', () => {
  const log = new Logged()
  log.mark({ ids: [1], className: 'rod', comment: 'odd', locked: false })
  log.edit('brush', [1])
  assert.equal(log.document.marksOf(4), { className: 'rod', locked: false, comment: 'odd' })
  log.edit('split', [4], 2)
  assert.is(log.document.marksOf(5).className, 'rod')
  assert.is(log.document.marksOf(6).className, 'rod')
  log.mark({ ids: [2], className: 'sphere' })
  log.edit('merge', [2, 5])
  assert.equal(log.document.marksOf(7), { className: null, locked: false, comment: 'odd' })
  log.edit('merge', [3, 6])
  assert.is(log.document.marksOf(8).className, 'rod')
  log.edit('paste', [])
  assert.is(log.document.marksOf(9).className, null)
})

test('notes are no corrections', () => {
  const log = new Logged()
  log.mark({ ids: [1], className: 'rod' })
  log.edit('remove', [1], 0)
  log.mark({ ids: [2], comment: 'x' })
  log.act({ type: 'undo' })
  log.act({ type: 'undo' })
  log.act({ type: 'redo' })
  const { edits, removed } = correctionsOf('a', log.document, log.entries)
  assert.equal(edits, { remove: 1 })
  assert.is(removed, 1)
})

test('notes that make no sense are refused, and damaged ones are no entries of a log', () => {
  const log = new Logged()
  refused(() => log.mark({ ids: [9], className: 'rod' }), /there is no mask 9/)
  refused(() => log.mark({ ids: [1, 1], locked: true }), /twice/)
  refused(() => log.mark({ ids: [1] }), /says nothing/)
  refused(() => log.mark({ ids: [], className: 'rod' }), /no class/)
  for (const className of ['', 'two\nlines', 'x'.repeat(61)]) assert.throws(() => log.mark({ ids: [1], className }))
  assert.throws(() => log.mark({ ids: [1], comment: 'x'.repeat(2001) }))
  assert.is(log.document.seq, 0)
})

test('a log of an earlier version, without notes, is read as before', () => {
  const line =
    '{"seq":1,"time":"2026-01-01T00:00:00.000Z","window":"w","type":"edit","edit":{"kind":"remove","remove":[1],"add":[]}}'
  const document = ReviewDocument.replay({
    image: SIZE,
    proposals,
    entries: [checkValue(entrySchema, JSON.parse(line))],
  })
  assert.is(document.masks.length, 2)
  assert.equal(document.marksOf(2), { className: null, locked: false, comment: '' })
})

test.run()
