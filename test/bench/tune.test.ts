/** @file Choosing kernel variants by measurement, and saving the choice. No test depends on actual speed. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { matmulCase } from '../../bench/ops/gemm'
import type { MicroCase } from '../../bench/micro-case'
import { type CardFile, measureCard, tuneAll } from '../../bench/card'
import type { BenchOptions } from '../../bench/run'
import { tune, tuningJson, tuningTable } from '../../bench/tune'
import { type TuneCases, tuneCases } from '../../bench/tune-cases'
import {
  type KernelVariants,
  matmulVariantsFor,
  allMatmuls,
  defaultVariants,
} from '../../engine/device/kernel-variants'
import { MATMUL_CLASSES, type MatmulClass } from '../../engine/device/matmul-class'
import { adapterKey } from '../../src/host/dawn'
import { openEngine } from '../../src/host/gpu'
import { saveVariants, savedVariants } from '../../src/host/kernel-tuning'
import { engine } from '../support/engine'
import { capabilities, withMatrixUnits } from '../support/kernel-capabilities'

const cache = await mkdtemp(join(tmpdir(), 'wgsam-tune-'))
test.after(() => rm(cache, { recursive: true }))
// instead of the variants that this machine may have saved
const usual: KernelVariants = defaultVariants(engine)
engine.variants = usual
const small = matmulCase('nt', [64, 32, 32], 'small', true)
const options = { clock: 'host', budget: 1, stop: () => false } as const

/** The given cases of some classes; the others have none, so all variants take no time there. */
const casesOf = (matmul: Partial<TuneCases['matmul']>): TuneCases => ({
  matmul: Object.fromEntries(
    MATMUL_CLASSES.map((of): [MatmulClass, MicroCase[]] => [of, matmul[of] ?? []]),
  ) as TuneCases['matmul'],
  attention: [],
  attentionBackward: { short: [], long: [] },
})

/** A case that is slower with every variant but one, because it repeats its products. */
const fastOnlyBy = (of: MatmulClass, variant: string): MicroCase => ({
  ...small,
  record(bench) {
    const recorded = small.record(bench)
    const asked = bench.engine.variants.matmul[of]
    for (let i = 0; asked !== variant && i < 40; i++) small.record(bench)
    return recorded
  },
})

test('every variant that makes a difference is timed, class by class, and the engine is left with the fastest', async () => {
  const seen: string[] = []
  const cases = casesOf({
    'nt large': [fastOnlyBy('nt large', 'direct')],
    'tn deep': [fastOnlyBy('tn deep', 'shared')],
  })
  const { matmul, best } = (await tune(engine, cases, {
    ...options,
    onVariant: (what) => seen.push(what.split(':')[0]),
  }))!
  for (const of of MATMUL_CLASSES)
    assert.equal(
      matmul[of].map(({ variant }) => variant),
      matmulVariantsFor(of, engine),
      of,
    )
  assert.ok(matmul['nt large'].every(({ ms }) => ms! > 0))
  const expected = { ...usual.matmul, 'nt large': 'direct', 'tn deep': 'shared' } as const
  assert.equal(best, { ...usual, matmul: expected })
  assert.equal(engine.variants.matmul, expected)
  const timesOf = (what: string) => seen.filter((one) => one === what).length
  assert.is(timesOf('matmul tn deep shared'), 3, 'in rounds, for the noise')
  assert.is(timesOf('matmul tn deep direct-split'), 1, 'one that is hopeless')
  engine.variants = usual
})

test('a variant that fails is reported and not chosen; if tuning is stopped, nothing changes', async () => {
  const failing: MicroCase = {
    ...small,
    record(bench) {
      if (bench.engine.variants.matmul['nt large'] === usual.matmul['nt large']) throw new Error('too large')
      return small.record(bench)
    },
  }
  const found = (await tune(engine, casesOf({ 'nt large': [failing] }), options))!
  const timeOf = (variant: string) => found.matmul['nt large'].find((time) => time.variant === variant)!.ms
  assert.is(timeOf(usual.matmul['nt large']), null)
  assert.is.not(found.best.matmul['nt large'], usual.matmul['nt large'])
  assert.ok(timeOf(found.best.matmul['nt large'])! > 0)
  assert.match(tuningTable(found), /matmul nt large +\S+ +does not run\n/)
  engine.variants = usual

  let left = 12
  const stop = () => left-- <= 0
  const changing = casesOf({ 'nt large': [fastOnlyBy('nt large', 'direct')], 'nn large': [small] })
  assert.is(await tune(engine, changing, { ...options, stop }), null)
  assert.equal(engine.variants, usual)
})

test('the default variant is kept if another gains no more than the noise; the table has the ratio of each to the kept one', async () => {
  const found = (await tune(engine, casesOf({}), options))!
  assert.equal(found.best, usual, 'no cases: all take no time')
  engine.variants = usual
  const times = (ms: Partial<Record<string, number | null>>) =>
    Object.entries(ms).map(([variant, time]) => ({ variant, ms: time })) as (typeof found)['matmul']['nt large']
  const changed = {
    ...found,
    matmul: { ...found.matmul, 'tn deep': times({ shared: 30, direct: null, 'shared-split': 12 }) },
    best: { ...found.best, matmul: { ...found.best.matmul, 'tn deep': 'shared-split' } },
  } as const
  const table = tuningTable(changed)
  assert.match(table, /matmul tn deep +shared +30.00 ms  x 2.50\nmatmul tn deep +direct +does not run\n/)
  assert.match(table, /matmul tn deep +shared-split +12.00 ms  kept\n/)
  assert.match(
    tuningTable({ ...found, attentionBackward: { short: [], long: times({ fused: 8, products: 4 }) as never } }),
    /its gradient, long +fused +8.000 ms  kept\n/,
  )
  const { products, best } = tuningJson(changed)
  assert.equal(products['tn deep'][0], { form: 'shared', ms: 30 })
  assert.is(best.products['tn deep'], 'shared-split')
})

test('what was tuned is what every engine of this adapter then runs; settings that a filter leaves out stay as they are', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wgsam-tuned-'))
  const before = process.env.WGSAM_CACHE
  process.env.WGSAM_CACHE = folder
  const tuner = await openEngine()
  try {
    assert.equal(tuner.variants, usual, 'nothing is saved yet')
    const seen: string[] = []
    const cases = casesOf({ 'nn narrow': [fastOnlyBy('nn narrow', 'direct')], 'nt large': [small] })
    const onVariant = (what: string) => seen.push(what)
    const found = (await tuneAll(tuner, { ...options, cases, filter: ['narrow'], onVariant }))!
    assert.ok(seen.length && seen.every((what) => what.startsWith('matmul nn narrow')))
    assert.equal(found.path, join(folder, 'tuning.json'))
    const expected = { ...usual, matmul: { ...usual.matmul, 'nn narrow': 'direct' } }
    const [[precision, tuning], ...others] = Object.entries(found.tunings)
    assert.equal([precision, others.length], [tuner.precision, 0], 'without matrix units there is one precision')
    assert.equal(tuning.best, expected)
    assert.match(tuningTable(tuning), /nn narrow +direct +\S+ ms  kept/)
    assert.not.match(tuningTable(tuning), /n[tn] large|attention/)
    const later = await openEngine()
    assert.equal(later.variants, expected, 'train, generate and all others open their engine so')
    later.destroy()
    assert.is(await tuneAll(tuner, { ...options, cases, stop: () => true }), null)
  } finally {
    tuner.destroy()
    if (before === undefined) delete process.env.WGSAM_CACHE
    else process.env.WGSAM_CACHE = before
    await rm(folder, { recursive: true })
  }
})

const quickly = { micro: true, macro: false, peers: false, quick: true, filter: ['gelu'], cli: null, toggles: [] }
const cardOptions: BenchOptions = { ...quickly, budget: { micro: 1, macro: 1 } }
const cardHooks = (stop = () => false) => ({ onCase() {}, log() {}, stop })

/** A small card file; `broken` are the engines that cannot be opened, by the order in which they are. */
async function card(cases: TuneCases, broken: number[] = [], stop?: () => boolean) {
  const saved: CardFile[] = []
  const folder = await mkdtemp(join(tmpdir(), 'wgsam-card-'))
  let opened = 0
  const open = async () => {
    if (broken.includes(++opened)) throw new Error(`engine ${opened} does not open\nand more`)
    return openEngine()
  }
  const tuning = { cases, budget: 1, stop: stop ?? (() => false), cache: folder, filter: ['attention'] }
  try {
    const file = await measureCard(
      open,
      tuning,
      cardOptions,
      cardHooks(stop),
      async (one) => void saved.push(structuredClone(one)),
    )
    return { file, saved }
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('the file of a card has profiles, tunings and rows, and is saved after each measurement', async () => {
  const { file, saved } = await card(casesOf({}))
  assert.equal(
    file.profiles.map(({ name }) => name),
    ['decoder:16-256'],
  )
  const { kernels } = file.profiles[0]
  assert.ok(kernels.length > 5 && kernels.some(({ label }) => label.startsWith('gemm')))
  assert.equal(Object.values(file.tunings)[0]!.best.attention, usual.attention)
  assert.equal([file.interrupted, file.skipped], [false, []])
  assert.ok(file.rows.some(({ name }) => name.startsWith('gelu')))
  assert.equal([saved[0].profiles.length, saved[0].rows.length], [1, 0])
  assert.ok(saved.length >= 5 && saved.some(({ rows }) => rows.length > 0 && rows.length < file.rows.length))
  assert.equal({ ...saved.at(-1), date: '' }, { ...file, date: '' })
})

test('a part of a card that fails is listed with the reason, and the others are measured', async () => {
  const { file } = await card(casesOf({}), [1, 2])
  assert.equal(
    file.skipped.map(({ name }) => name),
    ['profiles', 'tuning'],
  )
  assert.is(file.skipped[0].why, 'engine 1 does not open')
  assert.ok(file.rows.length && !file.profiles.length && !Object.keys(file.tunings).length)
  const { file: without } = await card(casesOf({}), [3])
  assert.equal([without.rows.length, without.profiles.length, Object.keys(without.tunings).length], [0, 1, 1])
  assert.is(without.skipped[0].name, 'all rows')
  const nothing = await card(casesOf({}), [1, 2, 3]).then(
    () => null,
    (error: Error) => error,
  )
  assert.match(nothing!.message, 'engine 3 does not open')
})

test('a card that is stopped keeps what was measured', async () => {
  let asked = 0
  const { file } = await card(casesOf({}), [], () => ++asked > 3)
  assert.is(file.interrupted, true)
  assert.equal(file.skipped.at(-1), { name: 'all rows', why: 'the measurement was stopped before' })
  assert.is(file.profiles.length, 1)
})

test('there are shapes of every class, for GPUs and for software adapters', () => {
  for (const software of [true, false]) {
    const { matmul, attention, attentionBackward } = tuneCases(software)
    assert.ok(attentionBackward.short.length && attentionBackward.long.length)
    for (const of of MATMUL_CLASSES) assert.ok(matmul[of].length >= 1, `${of}, software ${software}`)
    assert.ok(matmul['tn deep'].length >= 4 && attention.length >= 2)
  }
})

test('the measured variants are saved by adapter, and read if they still apply', async () => {
  assert.is(savedVariants(engine, cache), null)
  const variants: KernelVariants = {
    matmul: allMatmuls('direct', { 'tn deep': 'shared-split' }),
    attention: 'direct',
    attentionBackward: { short: 'fused', long: 'products' },
  }
  const path = await saveVariants(engine, variants, cache)
  assert.equal(savedVariants(engine, cache), variants)

  const other = { ...JSON.parse(await readFile(path, 'utf8')), 'another card': { products: 'shared' } }
  await writeFile(path, JSON.stringify(other))
  await saveVariants(engine, usual, cache)
  const all = JSON.parse(await readFile(path, 'utf8'))
  assert.equal(all['another card'], { products: 'shared' })

  const [key] = Object.keys(all).filter((name) => name.startsWith(adapterKey(engine.device.adapterInfo)))
  const products = (change: object) => JSON.stringify({ [key]: { ...all[key], products: change } })
  const { 'tn deep': _, ...incomplete } = all[key].products
  for (const damaged of [
    'no JSON',
    '[]',
    JSON.stringify({ [key]: { ...all[key], version: 0 } }),
    // the format of version 1
    JSON.stringify({ [key]: { ...all[key], version: 1, products: 'shared' } }),
    products({ ...all[key].products, 'nt large': 'fast' }),
    products(incomplete),
  ]) {
    await writeFile(path, damaged)
    assert.is(savedVariants(engine, cache), null, damaged)
  }
  const without = { ...engine, subgroupSize: 0 } as typeof engine
  await writeFile(
    path,
    products({ ...all[key].products, 'nn deep': 'subgroup-split' }).replace(
      /"attention":"\w+"/,
      '"attention":"direct"',
    ),
  )
  assert.is(savedVariants(without, cache), null, 'a variant that the device no longer runs')
})

test('without a measurement the kind of adapter decides; subgroups only if they have enough lanes', () => {
  assert.equal(defaultVariants(capabilities({ subgroupSize: 32 })), {
    ...usual,
    matmul: allMatmuls('shared-large'),
    attention: 'wide',
  })
  assert.equal(defaultVariants(capabilities({ software: true, subgroupSize: 8 })), {
    ...usual,
    matmul: allMatmuls('subgroup'),
    attention: 'subgroup',
  })
  const direct = { 'tn large': 'direct', 'tn narrow': 'direct', 'tn deep': 'direct' } as const
  assert.equal(defaultVariants(capabilities({ software: true, subgroupSize: 4 })), {
    ...usual,
    matmul: allMatmuls('transposed', direct),
    attention: 'direct',
  })
  for (const on of [
    capabilities({ subgroupSize: 32 }),
    capabilities({ software: true, subgroupSize: 8 }),
    capabilities({ software: true, subgroupSize: 4 }),
    withMatrixUnits(),
    withMatrixUnits({ precision: 'high' }),
  ])
    for (const of of MATMUL_CLASSES)
      assert.ok(matmulVariantsFor(of, on).includes(defaultVariants(on).matmul[of]), `${of}: can be measured`)
})

test.run()
