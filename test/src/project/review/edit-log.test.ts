/** @file The log of edits: cut at every byte, damaged, changed by other programs, and one server per folder. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { projectFile } from '../../../../src/project/project'
import { ReviewFolder } from '../../../../src/project/review/review-folder'
import { LogWriteError, readLog } from '../../../../src/project/review/edit-log'
import type { Action } from '../../../../src/project/review/review-records'
import { put, refusal, scratch } from '../../../support/files'
import { made, square, writeImage } from '../../../support/review'

const remove = (...ids: number[]): Action => ({ type: 'edit', edit: { kind: 'remove', remove: ids, add: [] } })

/** A project with one image of three masks, and a log of three entries of it. */
async function reviewed() {
  const dir = scratch()
  await writeImage(dir, 'a', [square(1, 1, 4), square(9, 9, 5), square(20, 20, 6)])
  const folder = await ReviewFolder.open(dir)
  await folder.act('a', { window: 'w', base: 0, action: remove(1) })
  const add = made(4, 'add', square(30, 30, 7))
  await folder.act('a', {
    window: 'w',
    base: 1,
    action: { type: 'edit', edit: { kind: 'add', remove: [], add: [add] } },
  })
  await folder.act('a', { window: 'w', base: 2, action: remove(2) })
  return { dir, folder, log: projectFile.log(dir, 'a') }
}

const ids = async (folder: ReviewFolder) => {
  const { entries } = await folder.history('a')
  return { seq: entries.length, masks: folder.summaries[0].masks }
}

test('a log cut at any byte of its last line loses at most that line, and can be continued', async () => {
  const { dir, folder, log } = await reviewed()
  await folder.close()
  const whole = readFileSync(log)
  const start = whole.lastIndexOf(10, whole.length - 2) + 1
  for (let end = start; end <= whole.length; end++) {
    writeFileSync(log, whole.subarray(0, end))
    const again = await ReviewFolder.open(dir)
    // the line without its line break is complete
    const seq = end >= whole.length - 1 ? 3 : 2
    assert.equal(await ids(again), { seq, masks: seq === 3 ? 2 : 3 }, `cut at byte ${end}`)
    const cut = end > start && end < whole.length - 1
    assert.is(again.summaries[0].note !== null, cut, 'the summary has a note')
    await again.act('a', { window: 'w', base: seq, action: remove(3) })
    await again.close()
    const lines = readFileSync(log, 'utf8').split('\n')
    assert.is(lines.length, seq + 3, 'a header, the entries, and nothing after the last line break')
    for (const line of lines.slice(0, -1)) JSON.parse(line)
  }
})

test('a log with an incomplete header counts as no log', async () => {
  const { dir, folder, log } = await reviewed()
  await folder.close()
  const header = readFileSync(log).indexOf(10)
  const whole = readFileSync(log)
  for (let end = 0; end < header; end += 37) {
    writeFileSync(log, whole.subarray(0, end))
    const again = await ReviewFolder.open(dir)
    assert.equal(await ids(again), { seq: 0, masks: 3 })
    await again.act('a', { window: 'w', base: 0, action: remove(3) })
    await again.close()
    assert.is((await readLog(log))!.entries.length, 1)
  }
})

test('other damage is reported with its line, and the file is not changed', async () => {
  const { dir, folder, log } = await reviewed()
  await folder.close()
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  const damaged = async (what: RegExp, ...damage: string[]) => {
    const text = damage.join('\n') + '\n'
    writeFileSync(log, text)
    const again = await ReviewFolder.open(dir)
    assert.match(again.summaries[0].problem ?? '', what)
    assert.match(again.summaries[0].problem!, 'a.jsonl')
    assert.match(await refusal(again.history('a')), what)
    assert.match(await refusal(again.act('a', { window: 'w', base: 0, action: remove(3) })), what)
    await again.close()
    assert.is(readFileSync(log, 'utf8'), text)
  }
  const [header, one, two, three] = lines
  await damaged(/line 3, is damaged/, header, one, two.slice(0, -9), three)
  await damaged(/line 2, is damaged/, header, '', one, two)
  await damaged(/line 2, is damaged: it is entry 2, not 1/, header, two, three)
  await damaged(/line 3, is damaged: it is entry 1, not 2/, header, one, one)
  await damaged(/line 1, is damaged/, one, two)
  await damaged(/line 4, is damaged/, header, one, two, 'null')
  await damaged(/entry 2: .*no mask 77/, header, one, two.replace('"remove":[]', '"remove":[77]'))
  await damaged(/line 1, is damaged: version/, header.replace('"version":1', '"version":2'))
})

test('a review continues when its proposals are generated again or deleted', async () => {
  const { dir, folder } = await reviewed()
  await folder.close()
  await writeImage(dir, 'a', [square(40, 1, 4)])
  const reopened = await ReviewFolder.open(dir)
  assert.equal(await ids(reopened), { seq: 3, masks: 2 })
  assert.match(reopened.summaries[0].note!, 'generated again after the review began')
  await reopened.close()
  rmSync(projectFile.proposals(dir, 'a'))
  const without = await ReviewFolder.open(dir)
  assert.equal(await ids(without), { seq: 3, masks: 2 })
  await without.act('a', { window: 'w', base: 3, action: { type: 'undo' } })
  assert.equal(await ids(without), { seq: 4, masks: 3 })
  await without.close()
})

test('another program’s changes to a log are not overwritten', async () => {
  for (const spoil of [(log: string) => appendFileSync(log, 'x'), (log: string) => rmSync(log)]) {
    const { folder, log } = await reviewed()
    spoil(log)
    const action = { window: 'w', base: 3, action: remove(3) }
    assert.match(await refusal(folder.act('a', action)), /a\.jsonl was (changed|deleted) by another program/)
    assert.match(await refusal(folder.act('a', action)), /by another program/)
    assert.equal(await ids(folder), { seq: 3, masks: 2 }, 'the edit is not taken')
    await folder.close()
  }
})

test('an edit fails on a full disk, and succeeds when there is space', async () => {
  const { dir, folder, log } = await reviewed()
  const before = readFileSync(log, 'utf8')
  const handle = await open(log)
  const prototype = Object.getPrototypeOf(handle)
  await handle.close()
  const { datasync } = prototype
  prototype.datasync = async () => {
    throw new Error('ENOSPC: no space left on device')
  }
  const action = { window: 'w', base: 3, action: remove(3) }
  try {
    await folder.act('a', action)
    assert.unreachable('it was taken')
  } catch (error) {
    assert.instance(error, LogWriteError)
    assert.match((error as Error).message, /cannot write .*a\.jsonl: ENOSPC/)
  } finally {
    prototype.datasync = datasync
  }
  assert.is(readFileSync(log, 'utf8'), before, 'the line that may be half there is cut off')
  assert.equal(await ids(folder), { seq: 3, masks: 2 })
  await folder.act('a', action)
  await folder.close()
  const again = await ReviewFolder.open(dir)
  assert.equal(await ids(again), { seq: 4, masks: 1 })
  await again.close()
})

test('one server per folder; the lock of a program that has ended is replaced', async () => {
  const { dir, folder } = await reviewed()
  const lock = join(dir, 'review', 'lock')
  assert.match(await refusal(ReviewFolder.open(dir)), /another `wgsam review` has this folder open .*process/)
  await folder.close()
  assert.not(existsSync(lock))
  for (const stale of [
    { pid: 2 ** 22 + 1, host: hostname() },
    { pid: process.pid, host: hostname() },
  ]) {
    put(lock, JSON.stringify(stale))
    await (await ReviewFolder.open(dir)).close()
  }
  for (const text of ['', '{', 'null', '{"pid":-1,"host":"x"}']) {
    put(lock, text)
    await (await ReviewFolder.open(dir)).close()
  }
  for (const alive of [
    { pid: process.ppid, host: hostname() },
    { pid: 1, host: `not-${hostname()}` },
  ]) {
    put(lock, JSON.stringify(alive))
    assert.match(await refusal(ReviewFolder.open(dir)), /has this folder open.*delete .*lock/)
  }
})

test('more images than stay open can be edited alternately without confusion', async () => {
  const dir = scratch()
  const names = Array.from({ length: 20 }, (_, i) => `image ${i}`)
  for (const name of names) await writeImage(dir, name, [square(1, 1, 4), square(9, 9, 5)])
  const folder = await ReviewFolder.open(dir)
  assert.equal(folder.names, names, 'numbers are counted as numbers')
  for (const round of [0, 1])
    await Promise.all(
      names.map((name, i) => {
        const add = made(3 + round, 'add', square(2 * i, round, 3))
        const action: Action = { type: 'edit', edit: { kind: 'add', remove: [], add: [add] } }
        return folder.act(name, { window: `w${i}`, base: round, action })
      }),
    )
  for (const [i, name] of names.entries()) {
    const { entries } = await folder.history(name)
    assert.equal(
      entries.map((entry) => [entry.window, entry.type === 'edit' && entry.edit.add[0].segmentation.counts]),
      [0, 1].map((round) => [`w${i}`, square(2 * i, round, 3).counts]),
    )
    assert.is(folder.summaries[i].masks, 4)
  }
  await folder.close()
})

test.run()
