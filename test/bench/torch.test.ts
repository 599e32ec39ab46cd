/** @file PyTorch beside our engine: what is made of its output, and of every way in which it can be missing. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTorch, torchCases, torchPeers } from '../../bench/peers/torch'
import script from '../../bench/peers/torch-peer.py'
import { benchTable } from '../../bench/table'
import { file, macro } from '../support/bench-results'
import { engine } from '../support/engine'

const folder = await mkdtemp(join(tmpdir(), 'wgsam-torch-test-'))
test.after(() => rm(folder, { recursive: true }))

/** A program in place of python3, which runs `body` of JavaScript; \`asked\` is the script's argument. */
async function fake(body: string): Promise<string> {
  const path = join(folder, `python-${Math.random()}`)
  await writeFile(
    path,
    `#!${process.execPath}\nconst asked = JSON.parse(process.argv[3]); const say = (one) => console.log(JSON.stringify(one))\n${body}`,
  )
  await chmod(path, 0o755)
  return path
}

const options = { cases: torchCases, budget: 100, stop: () => false, onRow() {} }
const hooks = { onCase() {}, stop: () => false }

test('its rows are read line by line, between lines of other origin', async () => {
  const python = await fake(`
    if (asked.rank !== 512 || asked.seconds !== 0.1 || asked.cases.length !== ${torchCases.length}) process.exit(9)
    say({ version: '2.11', device: 'card' })
    console.log('a warning of a library'); console.log('[1]'); console.log('null')
    for (const { name, size, batch, train } of asked.cases)
      for (const kind of ['f32', 'bf16']) say({ name, kind, how: 'eager', times: [3, 1, 2], peak: size * batch + train })
    say({ name: asked.cases[0].name, kind: 'f32', how: 'compiled', why: 'no compiler' })`)
  const seen: string[] = []
  const report = await runTorch({ ...options, python, onRow: (name) => void seen.push(name) })
  assert.equal([report.version, report.why, report.rows.length], ['torch 2.11', null, 2 * torchCases.length + 1])
  assert.equal(report.rows[0].times, [3, 1, 2])
  assert.is(seen.at(-1), `${torchCases[0].name}, f32, compiled`)
})

test('rows stand beside ours of the same work; failed ones are listed', async () => {
  const python = await fake(`
    say({ version: '2.11', device: 'card' })
    const [{ name }] = asked.cases
    say({ name, kind: 'f32', how: 'eager', times: [30], peak: 2 ** 30 })
    say({ name, kind: 'bf16', how: 'compiled', why: 'no compiler' })`)
  const filter = [torchCases[0].name]
  const known = [macro(torchCases[0].ours, 20)]
  const { rows, skipped } = await torchPeers(engine, { quick: false, filter, budget: 1, python }, known, hooks)
  assert.is(rows.length, 1)
  assert.equal(
    [rows[0].ms.median, rows[0].ours.median, rows[0].ratio, rows[0].error, rows[0].peak],
    [30, 20, 1.5, null, 2 ** 30],
  )
  assert.match(rows[0].name, 'f32, eager, by torch 2.11, beside encoder:vit-b-512-8')
  assert.equal(
    skipped.map(({ why }) => why),
    ['no compiler'],
  )
  assert.match(benchTable(file(rows)), /by torch 2\.11, beside encoder:vit-b-512-8 +30 +\S.* 20 .* 1\.50/)
})

test('if it is missing, has no CUDA, dies, hangs or is stopped, the report says so and keeps the rows so far', async () => {
  const row = `say({ version: '2', device: 'card' }); say({ name: 'x', kind: 'f32', how: 'eager', times: [1] });`
  for (const [body, why, rows] of [
    [`say({ unavailable: 'PyTorch finds no CUDA device' })`, /no CUDA device$/, 0],
    [`${row} console.error('CUDA error'); process.exit(4)`, /ended by code 4: CUDA error$/, 1],
    [`process.kill(process.pid, 'SIGSEGV')`, /ended by SIGSEGV/, 0],
    [`say({})`, /printed no version/, 0],
  ] as const) {
    const report = await runTorch({ ...options, python: await fake(body) })
    assert.match(report.why!, why)
    assert.is(report.rows.length, rows)
  }
  const hanging = await fake(`${row} setInterval(() => {}, 1000)`)
  const late = await runTorch({ ...options, python: hanging, limit: 1500 })
  assert.match(late.why!, 'not all rows were measured')
  assert.is((await runTorch({ ...options, python: hanging, stop: () => true })).why, 'stopped')
  const none = await runTorch({ ...options, python: join(folder, 'nothing') })
  assert.match(none.why!, 'does not start')
  const small = await torchPeers(engine, { quick: true, filter: [], budget: 1, python: 'none' }, [], hooks)
  assert.match(small.skipped[0].why, '--full')
})

test('the script is Python that says so where PyTorch or CUDA is missing', async () => {
  const path = join(folder, 'peer.py')
  await writeFile(path, script)
  const { error, stdout, status } = spawnSync('python3', [path, '{"cases":[],"rank":1,"seconds":0}'], {
    encoding: 'utf8',
  })
  // a machine without Python cannot tell
  if (error) return
  assert.is(status, 0)
  const said = JSON.parse(stdout.split('\n')[0])
  assert.ok(said.unavailable || said.version)
})

test.run()
