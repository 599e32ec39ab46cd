/** @file Tests src/host/last-words.ts: what a process that is killed leaves behind. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LastWords } from '../../../src/host/last-words'
import { scratch } from '../../support/files'
import { testNeeding } from '../../support/needs'

if (process.argv[2] === 'child') {
  const words = new LastWords(process.argv[3])
  words.set('not the last')
  words.set('step 7 is saved\nin "last", 100 %s')
  if (process.argv[4] === 'dispose') await words.dispose()
  console.log('ready')
  await new Promise((resolve) => setTimeout(resolve, 60_000))
}

/** Kills a process that has left a message, or has taken it back. Resolves when nothing can be printed any more. */
async function killed(file: string, ...more: string[]): Promise<string> {
  const words = ['--enable-source-maps', fileURLToPath(import.meta.url), 'child', file, ...more]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  child.stderr.on('data', (text) => (printed += text))
  child.stdout.on('data', () => child.kill('SIGKILL'))
  await new Promise((resolve) => child.on('close', resolve))
  return printed
}

const testShell = testNeeding('platform', process.platform === 'win32' ? 'there is no shell' : null)

testShell('a process that is killed leaves its last message in the file and prints it', async () => {
  const folder = scratch()
  const file = join(folder, 'killed.txt')
  writeFileSync(file, 'of an earlier process')
  assert.is(await killed(file), '\nstep 7 is saved in "last", 100 %s\n')
  assert.is(readFileSync(file, 'utf8'), 'step 7 is saved in "last", 100 %s\n')
  assert.equal(readdirSync(folder), ['killed.txt'])
})

testShell('a message that was taken back, and that of an earlier process, are gone', async () => {
  const file = join(scratch(), 'killed.txt')
  writeFileSync(file, 'of an earlier process')
  assert.is(await killed(file, 'dispose'), '')
  assert.not.ok(existsSync(file))
})

testShell('a folder that is gone does not keep the message from being printed', async () => {
  assert.is(await killed('/nowhere/killed.txt'), '\nstep 7 is saved in "last", 100 %s\n')
})

test.run()
