/** @file Several processes find a stale lock at the same moment: exactly one of them acquires it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { takeLock } from '../../../src/host/folder-lock'
import { put, scratch } from '../../support/files'

if (process.argv[2] === 'child') {
  const [path] = process.argv.slice(3)
  console.log('ready')
  await once(process.stdin, 'data')
  console.log(
    await takeLock(path, 'wgsam review').then(
      () => 'taken',
      () => 'refused',
    ),
  )
  // the lock is held until all processes have tried
  await once(process.stdin, 'data')
  process.exit(0)
} else {
  test('of programs that start at once, one takes a dead one’s lock over', async () => {
    for (let round = 0; round < 2; round++) {
      const dir = scratch()
      const path = put(join(dir, 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }))
      const children = Array.from({ length: 4 }, () =>
        spawn(process.execPath, [fileURLToPath(import.meta.url), 'child', path], { stdio: 'pipe' }),
      )
      const said = () => Promise.all(children.map(async ({ stdout }) => String((await once(stdout, 'data'))[0]).trim()))
      const tell = () => children.forEach(({ stdin }) => stdin.write('go\n'))
      await said()
      const answers = said()
      tell()
      assert.equal((await answers).sort(), ['refused', 'refused', 'refused', 'taken'])
      const ended = Promise.all(children.map((child) => once(child, 'close')))
      tell()
      await ended
      assert.equal(readdirSync(dir), ['lock'], 'no guard is left')
    }
  })

  test.run()
}
