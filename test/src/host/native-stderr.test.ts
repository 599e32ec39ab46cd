/** @file Lines of native code on stderr: Dawn's two about dynamic offsets are left out, and nothing else is lost. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filterNativeStderr } from '../../../src/host/native-stderr'
import { scratch } from '../../support/files'
import { testNeeding } from '../../support/needs'

const dawn = (what: string) =>
  `Warning: maxDynamic${what}BuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit dynamic offset allocation limit.\n`

if (process.argv[2] === 'child') {
  console.error('before')
  const result = await filterNativeStderr(() => {
    for (const line of [dawn('Uniform'), 'Warning: something else\n', dawn('Storage')]) writeSync(2, line)
    return 7
  })
  console.error(`after ${result}`)
  try {
    await filterNativeStderr(() => {
      throw new Error('a failure')
    })
  } catch (error) {
    console.error((error as Error).message)
  }
} else {
  /** What the child writes to stderr, into a file, a pipe, or a file that stdout writes too. */
  const said = (into: 'file' | 'pipe' | 'shared'): string => {
    const argv = [fileURLToPath(import.meta.url), 'child']
    if (into === 'pipe') return spawnSync(process.execPath, argv, { encoding: 'utf8' }).stderr
    const path = join(scratch(), 'stderr')
    const fd = openSync(path, 'w')
    spawnSync(process.execPath, argv, { stdio: ['ignore', into === 'shared' ? fd : 'ignore', fd] })
    closeSync(fd)
    return readFileSync(path, 'utf8')
  }

  const filters = testNeeding('platform', process.platform === 'linux' ? null : 'the lines are printed on Linux')
  filters('the two lines are left out, others stay in their order, also after an error', () => {
    for (const into of ['file', 'pipe', 'shared'] as const) {
      assert.is(said(into), 'before\nWarning: something else\nafter 7\na failure\n', into)
    }
  })

  test.run()
}
