/** @file kill -9 of a server in the middle of edits: confirmed edits are on the disk, and the review can continue. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Rng } from '../../../../engine/rng'
import { projectFile } from '../../../../src/project/project'
import { ReviewDocument } from '../../../../src/project/review/document'
import { ReviewFolder } from '../../../../src/project/review/review-folder'
import type { Action, LogEntry } from '../../../../src/project/review/review-records'
import { serve } from '../../../../src/review/server'
import { scratch } from '../../../support/files'
import { ask, made, SIZE, square, writeImage } from '../../../support/review'

if (process.argv[2] === 'child') {
  const folder = await ReviewFolder.open(process.argv[3])
  const { url } = await serve({ folder, session: null, assets: new Map() })
  console.log(url)
} else {
  const child = async (dir: string) => {
    const running = spawn(process.execPath, [fileURLToPath(import.meta.url), 'child', dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(running.stdout, 'data')
    return { running, at: `${String(line).trim()}api/images/a/` }
  }

  test('nothing that was answered is lost, whenever the server is killed', async () => {
    const dir = scratch()
    await writeImage(dir, 'a', [square(1, 1, 4), square(9, 9, 5)])
    const answered: LogEntry[] = []
    const rng = new Rng(3)
    for (const [edits, wait] of [
      [3, 0],
      [5, 1],
      [4, 3],
      [6, 8],
    ]) {
      const { running, at } = await child(dir)
      const start = await ask(`${at}document`)
      const entries: LogEntry[] = start.json.entries
      assert.equal(entries.slice(0, answered.length), answered)
      // at most the edit being written when the server died was not confirmed
      assert.ok(entries.length - answered.length <= 1, `${entries.length} of ${answered.length} are there`)
      answered.splice(0, answered.length, ...entries)
      const document = ReviewDocument.replay(start.json)
      for (let done = 0; ; done++) {
        // while the next edits are under way
        if (done === edits) setTimeout(() => running.kill('SIGKILL'), wait)
        const masks = document.masks.map(({ id }) => id)
        const side = 2 + rng.int(20)
        const action: Action =
          document.canUndo && rng.int(4) === 0
            ? { type: 'undo' }
            : {
                type: 'edit',
                edit: {
                  kind: 'brush',
                  remove: masks.slice(0, 1),
                  add: [made(document.nextId, 'brush', square(rng.int(40), rng.int(20), side))],
                },
              }
        const answer = await ask(`${at}actions`, { body: { window: 'w', base: document.seq, action } }).catch(
          () => null,
        )
        if (!answer) break
        assert.is(answer.status, 200)
        answered.push(answer.json.entry)
        document.apply(answer.json.entry)
      }
      if (running.exitCode === null && running.signalCode === null) await once(running, 'close')
      assert.is(running.signalCode, 'SIGKILL')
    }
    assert.ok(answered.length > 10, `${answered.length} edits`)
    // also simulate a last write that was cut in the middle
    appendFileSync(projectFile.log(dir, 'a'), `{"seq":${answered.length + 1},"time":"2026`)
    const folder = await ReviewFolder.open(dir)
    const reply = await folder.history('a')
    const again = ReviewDocument.replay({ ...reply, image: SIZE })
    const expected = ReviewDocument.replay({ image: SIZE, proposals: reply.proposals, entries: reply.entries })
    assert.equal(reply.entries.slice(0, answered.length), answered)
    assert.equal(again.masks, expected.masks)
    await folder.close()
  })

  test.run()
}
