/** @file The review's document: edits, undo and redo, replay, and invalid entries. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../../engine/rng'
import { ReviewDocument } from '../../../../src/project/review/document'
import type { Action, Edit, EditKind, LogEntry, ReviewMask } from '../../../../src/project/review/review-records'
import { made, SIZE, square } from '../../../support/review'

const proposals = (count: number): ReviewMask[] =>
  Array.from({ length: count }, (_, i) => made(i + 1, 'proposal', square((i * 7) % 50, (i * 5) % 40, 4)))

const entryOf = (document: ReviewDocument, action: Action): LogEntry => ({
  seq: document.seq + 1,
  time: '2026-01-01T00:00:00.000Z',
  window: 'w',
  ...action,
})

const edit = (document: ReviewDocument, kind: EditKind, remove: number[], sides: number[] = []): Action => ({
  type: 'edit',
  edit: { kind, remove, add: sides.map((side, i) => made(document.nextId + i, kind, square(i, 2 * i, side))) },
})

function run(document: ReviewDocument, action: Action) {
  return document.apply(entryOf(document, action))
}

/** A random valid action. */
function draw(document: ReviewDocument, rng: Rng): Action {
  const roll = rng.int(10)
  if (roll < 2 && document.canUndo) return { type: 'undo' }
  if (roll < 4 && document.canRedo) return { type: 'redo' }
  if (roll === 4) return { type: 'state', state: (['proposed', 'in review', 'accepted'] as const)[rng.int(3)] }
  const kinds: EditKind[] = ['remove', 'merge', 'split', 'brush', 'erase', 'fill holes', 'redraw', 'prompt', 'refilter']
  const kind = document.masks.length ? kinds[rng.int(kinds.length)] : 'add'
  const ids = rng.shuffle(document.masks.map(({ id }) => id)).slice(0, 1 + rng.int(3))
  return edit(
    document,
    kind,
    ids,
    kind === 'remove' ? [] : Array.from({ length: rng.int(3) + (kind === 'add' ? 1 : 0) }, () => 1 + rng.int(9)),
  )
}

test('random edits replay to the same masks, and undoing all of them restores the proposals', () => {
  for (let seed = 0; seed < 30; seed++) {
    const rng = new Rng(seed)
    const base = proposals(rng.int(8))
    const document = new ReviewDocument(SIZE, base)
    const entries: LogEntry[] = []
    /** The masks after each number of edits that are not undone. */
    const states: string[] = [JSON.stringify(document.masks)]
    for (let i = 0; i < 60; i++) {
      const entry = entryOf(document, draw(document, rng))
      const before = JSON.stringify(document.masks)
      document.apply(entry)
      entries.push(entry)
      const after = JSON.stringify(document.masks)
      if (entry.type === 'edit') states.push(after)
      else if (entry.type === 'undo') {
        assert.is(before, states.pop())
        assert.is(after, states.at(-1))
      } else if (entry.type === 'redo') states.push(after)
      else assert.is(after, before)
    }
    const again = ReviewDocument.replay({ image: SIZE, proposals: base, entries: JSON.parse(JSON.stringify(entries)) })
    for (const of of ['masks', 'counts', 'state', 'nextId', 'seq', 'canUndo', 'canRedo'] as const)
      assert.equal(again[of], document[of], of)
    const end = JSON.stringify(document.masks)
    let steps = 0
    for (; document.canUndo; steps++) run(document, { type: 'undo' })
    assert.equal(document.masks, base)
    assert.equal(document.counts, { masks: base.length, removed: 0, edited: 0, added: 0 })
    for (; steps > 0; steps--) run(document, { type: 'redo' })
    assert.is(JSON.stringify(document.masks), end, 'and redoing it all gives the end again')
  }
})

test('removed, edited and added masks are counted', () => {
  const document = new ReviewDocument(SIZE, proposals(6))
  const counts = () => Object.values(document.counts).join(' ')
  run(document, edit(document, 'remove', [1]))
  assert.is(counts(), '5 1 0 0')
  run(document, edit(document, 'merge', [2, 3], [9]))
  assert.is(counts(), '4 1 2 0', 'both that were merged are edited')
  run(document, edit(document, 'split', [7], [3, 4]))
  assert.is(counts(), '5 1 2 0', 'and what is made of an edited one stays edited')
  run(document, edit(document, 'prompt', [], [5]))
  assert.is(counts(), '6 1 2 1')
  run(document, edit(document, 'brush', [10], [6]))
  assert.is(counts(), '6 1 2 1', 'a mask of one’s own that is mended is added, not edited')
  run(document, edit(document, 'remove', [8, 9]))
  assert.is(counts(), '4 3 0 1', 'the edited ones are gone now')
  run(document, edit(document, 'refilter', [4], [5]))
  assert.is(counts(), '4 4 0 2', 'what another threshold brings is made of no proposal')
  for (const expected of ['4 3 0 1', '6 1 2 1', '6 1 2 1', '5 1 2 0', '4 1 2 0', '5 1 0 0', '6 0 0 0']) {
    run(document, { type: 'undo' })
    assert.is(counts(), expected)
  }
})

test('ids are never reused', () => {
  const document = new ReviewDocument(SIZE, proposals(2))
  run(document, edit(document, 'add', [], [3]))
  run(document, { type: 'undo' })
  assert.is(document.nextId, 4)
  run(document, edit(document, 'add', [], [3]))
  assert.equal(
    document.masks.map(({ id }) => id),
    [1, 2, 4],
  )
  assert.not(document.canRedo, 'what was undone cannot be redone after another edit')
})

test('a changed image is in review, even if it was accepted', () => {
  const document = new ReviewDocument(SIZE, proposals(2))
  assert.is(document.state, 'proposed')
  for (const action of [edit(document, 'remove', [1]), { type: 'undo' }, { type: 'redo' }] as Action[]) {
    run(document, { type: 'state', state: 'accepted' })
    assert.is(document.state, 'accepted')
    run(document, action)
    assert.is(document.state, 'in review')
  }
})

test('an invalid entry is rejected, and nothing changes', () => {
  const document = new ReviewDocument(SIZE, proposals(3))
  run(document, edit(document, 'add', [], [4]))
  const before = JSON.stringify([document.masks, document.seq, document.nextId, document.counts])
  const refuse = (what: RegExp, action: unknown, over: Partial<LogEntry> = {}) => {
    assert.throws(
      () => document.apply({ ...entryOf(document, action as Action), ...over } as LogEntry),
      (error: Error) => what.test(error.message) || assert.unreachable(`${what}: ${error.message}`),
    )
    assert.is(JSON.stringify([document.masks, document.seq, document.nextId, document.counts]), before)
  }
  const add = (mask: Partial<ReviewMask>, kind: EditKind = 'add'): { type: 'edit'; edit: Edit } => ({
    type: 'edit',
    edit: { kind, remove: [], add: [{ ...made(5, kind, square(1, 1, 3)), ...mask }] },
  })
  refuse(/entry 3 does not follow entry 1/, { type: 'undo' }, { seq: 3 })
  refuse(/entry 1 does not follow entry 1/, { type: 'undo' }, { seq: 1 })
  refuse(/nothing to redo/, { type: 'redo' })
  refuse(/no mask 9/, edit(document, 'remove', [1, 9]))
  refuse(/removes a mask twice/, edit(document, 'remove', [2, 2]))
  refuse(/changes nothing/, edit(document, 'brush', []))
  refuse(/"remove" adds no masks/, {
    type: 'edit',
    edit: { kind: 'remove', remove: [1], add: [made(5, 'remove', square(0, 0, 1))] },
  })
  refuse(/the id 4, not the next free one, 5/, add({ id: 4 }))
  refuse(/the id 1, not/, add({ id: 1 }))
  refuse(/the id 7, not/, add({ id: 7 }))
  refuse(/the origin "proposal"/, add({ origin: 'proposal' }))
  refuse(
    /mask 5 has 48 x 64 pixels, but the image has 64 x 48/,
    add({ segmentation: square(1, 1, 3, { width: 48, height: 64 }) }),
  )
  refuse(/mask 5 is empty/, add({ segmentation: { size: [48, 64], counts: 'PP3' } }))
  refuse(/mask 5 is damaged: .*3072 pixels/, add({ segmentation: { size: [48, 64], counts: '' } }))
  refuse(/mask 5 is damaged/, add({ segmentation: { size: [48, 64], counts: '\u0000' } }))
  refuse(/not a number/, add({ predictedIou: NaN }))
  refuse(/"eaten" is not a state/, { type: 'state', state: 'eaten' })
  refuse(/"rename" is not an action/, { type: 'rename' })
  const [a, b] = proposals(2)
  assert.throws(() => new ReviewDocument(SIZE, [b, a]), /proposal 1 has the id 2/)
  assert.throws(() => new ReviewDocument(SIZE, [{ ...a, origin: 'add' }]), /origin "add"/)
  assert.throws(() => new ReviewDocument({ width: 9, height: 9 }, [a]), /has 64 x 48 pixels/)
})

test.run()
