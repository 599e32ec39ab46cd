/** @file Errors of the disk name the file and the reason; nothing half-written is left. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cannotWrite, messageOf, systemProblem, withPath } from '../../../src/host/errors'
import { makeFolder, removePartialFiles, writeAtomic, writeFileAtomic } from '../../../src/host/files'
import { JsonlSink } from '../../../src/tracking/jsonl-sink'
import { testNeeding } from '../../support/needs'
import { scratch } from '../../support/files'
import { stepRecord } from '../../support/tracking'

const folder = scratch()
const system = (code: string, more: object = {}) => Object.assign(new Error(`${code}: something`), { code, ...more })
const problem = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: Error) => systemProblem(error) ?? error.message,
  )

test('an error of a file that is open already names the file', async () => {
  const path = join(folder, 'a.json')
  await writeFileAtomic(path, 'before')
  const full = writeAtomic(path, () => Promise.reject(system('ENOSPC')))
  assert.is(
    await problem(full),
    `${path}: no space is left on the disk: make room, then run it again; what is complete is kept`,
  )
  assert.is(readFileSync(path, 'utf8'), 'before')
  assert.equal(
    readdirSync(folder).filter((name) => name.startsWith('a.')),
    ['a.json'],
  )
  assert.is(systemProblem(withPath(system('EROFS'), 'x')), 'x: the disk is read-only')
  assert.is(systemProblem(withPath(system('EACCES', { path: 'y' }), 'x')), 'y: permission is denied')
  assert.is(systemProblem(withPath(new Error('other'), 'x')), null)
  assert.is(cannotWrite('x', system('EDQUOT')), 'cannot write x: the quota is used up')
})

test('what killed programs left is removed, what running ones write is not', async () => {
  const place = join(folder, 'parts')
  const [dead, running, young] = ['a.json.999999999.part', `b.json.${process.ppid}.part`, 'c.json.999999998.part']
  mkdirSync(place)
  for (const name of [dead, running, young, 'd.part', 'e.json']) writeFileSync(join(place, name), 'half')
  utimesSync(join(place, dead), 0, 0)
  await removePartialFiles([place, join(place, 'none')], 60)
  assert.equal(readdirSync(place).sort(), [running, young, 'd.part', 'e.json'].sort())
  await removePartialFiles([place])
  assert.equal(readdirSync(place).sort(), [running, 'd.part', 'e.json'].sort())
})

test('the message of any error of the system is in words, and a path that is named already is not repeated', () => {
  const denied = system('EACCES', { path: '/a/b' })
  assert.is(messageOf(denied, '/a/b'), 'permission is denied')
  assert.is(messageOf(denied), '/a/b: permission is denied')
  assert.is(messageOf(denied, '/a'), '/a/b: permission is denied')
  assert.is(
    messageOf(system('ENOSPC')),
    'no space is left on the disk: make room, then run it again; what is complete is kept',
  )
  assert.is(messageOf(new Error('other')), 'other')
  assert.is(messageOf('text'), 'text')
})

const disk = join(folder, 'disk')
mkdirSync(disk)
const mount = (options: string) => spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]).status === 0
const unmount = () => spawnSync('umount', [disk]).status === 0
const mountable = process.platform === 'linux' && mount('size=64k') && unmount()
const testDisk = testNeeding('platform', mountable ? null : 'this user cannot mount a small disk')

testDisk('a full disk and a read-only disk are named in plain words', async () => {
  mount('size=64k')
  try {
    const sink = await JsonlSink.open(join(disk, 'metrics.jsonl'), () => true)
    writeFileSync(join(disk, 'filler'), Buffer.alloc(2 ** 15))
    const path = join(disk, 'deep', 'large.bin')
    assert.match(await problem(writeFileAtomic(path, Buffer.alloc(2 ** 17))), `${path}: no space is left on the disk`)
    assert.equal(readdirSync(join(disk, 'deep')), [])
    const append = async () => {
      for (let i = 0; i < 1000; i++) await sink.append(stepRecord(i))
    }
    assert.match(await problem(append()), 'metrics.jsonl: no space is left on the disk')
    await sink.close()
    assert.is(spawnSync('mount', ['-o', 'remount,ro', disk]).status, 0)
    assert.match(await problem(makeFolder(join(disk, 'new', 'folder'))), 'the disk is read-only')
    assert.match(await problem(writeFileAtomic(join(disk, 'b'), 'x')), 'the disk is read-only')
  } finally {
    unmount()
  }
  assert.not(existsSync(join(disk, 'filler')))
})

test.run()
