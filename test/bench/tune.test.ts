/** Choosing the forms of kernels by measuring them, and what is kept of it. How fast is not asked. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { productCase } from '../../bench/ops/gemm'
import type { MicroCase } from '../../bench/micro-case'
import { tune, tuningTable } from '../../bench/tune'
import { type TuneCases, tuneCases } from '../../bench/tune-cases'
import { type Forms, productForms, productsBy, usualForms } from '../../engine/device/kernel-variants'
import { PRODUCT_CLASSES, type ProductClass } from '../../engine/device/matmul-class'
import { adapterKey, keepForms, keptForms } from '../../src/host/kernel-tuning'
import { engine } from '../support/engine'

const cache = await mkdtemp(join(tmpdir(), 'wgsam-tune-'))
test.after(() => rm(cache, { recursive: true }))
// whatever this machine has kept
const usual: Forms = usualForms(engine.software, engine.subgroupSize)
Object.assign(engine, usual)
const small = productCase('nt', [64, 32, 32], 'small', true)
const options = { clock: 'host', budget: 1, stop: () => false } as const

/** The given cases of some classes; the others have none, which costs every form nothing. */
const casesOf = (products: Partial<TuneCases['products']>): TuneCases => ({
  products: Object.fromEntries(
    PRODUCT_CLASSES.map((of): [ProductClass, MicroCase[]] => [of, products[of] ?? []]),
  ) as TuneCases['products'],
  attention: [],
})

/** A case that takes longer in every form but one: it repeats its products. */
const fastOnlyBy = (of: ProductClass, form: string): MicroCase => ({
  ...small,
  record(bench) {
    const recorded = small.record(bench)
    const asked = bench.engine.products[of]
    for (let i = 0; asked !== form && i < 40; i++) small.record(bench)
    return recorded
  },
})

test('every form that makes a difference is timed, class by class, and the engine is left with the fastest', async () => {
  const seen: string[] = []
  const cases = casesOf({
    'nt large': [fastOnlyBy('nt large', 'direct')],
    'tn deep': [fastOnlyBy('tn deep', 'shared')],
  })
  const { products, best } = (await tune(engine, cases, {
    ...options,
    onForm: (what) => seen.push(what.split(':')[0]),
  }))!
  for (const of of PRODUCT_CLASSES)
    assert.equal(
      products[of].map(({ form }) => form),
      productForms(of, engine.subgroupSize),
      of,
    )
  assert.ok(products['nt large'].every(({ ms }) => ms! > 0))
  const expected = { ...usual.products, 'nt large': 'direct', 'tn deep': 'shared' } as const
  assert.equal(best, { products: expected, attention: usual.attention })
  assert.equal(engine.products, expected)
  const timesOf = (what: string) => seen.filter((one) => one === what).length
  assert.is(timesOf('products tn deep shared'), 3, 'in rounds, for the noise')
  assert.is(timesOf('products tn deep direct-split'), 1, 'one that is hopeless')
  Object.assign(engine, usual)
})

test('a form that fails is told and not chosen; stopped, nothing changes', async () => {
  const failing: MicroCase = {
    ...small,
    record(bench) {
      if (bench.engine.products['nt large'] === usual.products['nt large']) throw new Error('too large')
      return small.record(bench)
    },
  }
  const found = (await tune(engine, casesOf({ 'nt large': [failing] }), options))!
  const timeOf = (form: string) => found.products['nt large'].find((time) => time.form === form)!.ms
  assert.is(timeOf(usual.products['nt large']), null)
  assert.is.not(found.best.products['nt large'], usual.products['nt large'])
  assert.ok(timeOf(found.best.products['nt large'])! > 0)
  assert.match(tuningTable(found), /products nt large +\S+ +does not run\n/)
  Object.assign(engine, usual)

  let left = 12
  const stop = () => left-- <= 0
  const changing = casesOf({ 'nt large': [fastOnlyBy('nt large', 'direct')], 'nn large': [small] })
  assert.is(await tune(engine, changing, { ...options, stop }), null)
  assert.equal({ products: engine.products, attention: engine.attention }, usual)
})

test('the usual form is kept where another gains no more than the noise; the table gives each its ratio to what is kept', async () => {
  const found = (await tune(engine, casesOf({}), options))!
  assert.equal(found.best, usual, 'no cases: all take no time')
  Object.assign(engine, usual)
  const times = (ms: Partial<Record<string, number | null>>) =>
    Object.entries(ms).map(([form, time]) => ({ form, ms: time })) as (typeof found)['products']['nt large']
  const table = tuningTable({
    ...found,
    products: { ...found.products, 'tn deep': times({ shared: 30, direct: null, 'shared-split': 12 }) },
    best: { ...found.best, products: { ...found.best.products, 'tn deep': 'shared-split' } },
  })
  assert.match(table, /products tn deep +shared +30.00 ms  x 2.50\nproducts tn deep +direct +does not run\n/)
  assert.match(table, /products tn deep +shared-split +12.00 ms  kept\n/)
})

test('there are shapes of every class, for GPUs and for software adapters', () => {
  for (const software of [true, false]) {
    const { products, attention } = tuneCases(software)
    for (const of of PRODUCT_CLASSES) assert.ok(products[of].length >= 1, `${of}, software ${software}`)
    assert.ok(products['tn deep'].length >= 4 && attention.length >= 2)
  }
})

test('what was found is kept by adapter, and read where it still says something', async () => {
  assert.is(keptForms(engine, cache), null)
  const forms = { products: productsBy('direct', { 'tn deep': 'shared-split' }), attention: 'direct' } as const
  const path = await keepForms(engine, forms, cache)
  assert.equal({ ...keptForms(engine, cache), date: '' }, { ...forms, date: '' })

  const other = { ...JSON.parse(await readFile(path, 'utf8')), 'another card': { products: 'shared' } }
  await writeFile(path, JSON.stringify(other))
  await keepForms(engine, usual, cache)
  const all = JSON.parse(await readFile(path, 'utf8'))
  assert.equal(all['another card'], { products: 'shared' })

  const key = adapterKey(engine.device.adapterInfo)
  const products = (change: object) => JSON.stringify({ [key]: { ...all[key], products: change } })
  const { 'tn deep': _, ...incomplete } = all[key].products
  for (const damaged of [
    'no JSON',
    '[]',
    JSON.stringify({ [key]: { ...all[key], version: 0 } }),
    // as version 1 had it
    JSON.stringify({ [key]: { ...all[key], version: 1, products: 'shared' } }),
    products({ ...all[key].products, 'nt large': 'fast' }),
    products(incomplete),
  ]) {
    await writeFile(path, damaged)
    assert.is(keptForms(engine, cache), null, damaged)
  }
  const without = { device: engine.device, subgroupSize: 0 } as typeof engine
  await writeFile(
    path,
    products({ ...all[key].products, 'nn deep': 'subgroup-split' }).replace(
      /"attention":"\w+"/,
      '"attention":"direct"',
    ),
  )
  assert.is(keptForms(without, cache), null, 'a form that the device no longer runs')
})

test('without a measurement the kind of adapter decides; subgroups only where there are enough lanes', () => {
  const split = { 'nt deep': 'shared-split', 'nn deep': 'shared-split', 'tn deep': 'shared-split' } as const
  assert.equal(usualForms(false, 32), { products: productsBy('shared', split), attention: 'shared' })
  assert.equal(usualForms(true, 8), { products: productsBy('subgroup'), attention: 'subgroup' })
  const direct = { 'tn large': 'direct', 'tn narrow': 'direct', 'tn deep': 'direct' } as const
  assert.equal(usualForms(true, 4), { products: productsBy('transposed', direct), attention: 'direct' })
  for (const [software, size] of [
    [false, 32],
    [true, 8],
    [true, 4],
  ] as const)
    for (const of of PRODUCT_CLASSES)
      assert.ok(productForms(of, size).includes(usualForms(software, size).products[of]), `${of}: can be measured`)
})

test.run()
