/** Choosing the forms of kernels by measuring them, and what is kept of it. How fast is not asked. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { productCase } from '../../bench/ops/gemm'
import type { MicroCase } from '../../bench/case'
import { tune, tuneCases, tuningTable } from '../../bench/tune'
import { PRODUCT_FORMS, usualForms } from '../../engine/device/forms'
import { adapterKey, keepForms, keptForms } from '../../src/host/tuning'
import { engine } from '../support/engine'

const cache = await mkdtemp(join(tmpdir(), 'wgsam-tune-'))
test.after(() => rm(cache, { recursive: true }))
const usual = { products: engine.products, attention: engine.attention }
const small = productCase('nt', [64, 32, 32], 'small', true)
const options = { clock: 'host', budget: 1, stop: () => false } as const

test('every form that runs is timed, and the engine is left with the fastest', async () => {
  const seen: string[] = []
  const found = await tune(
    engine,
    { products: [small], attention: [small] },
    { ...options, onForm: (what) => seen.push(what.split(':')[0]) },
  )
  const { products, best } = found!
  const forms = PRODUCT_FORMS.filter((form) => form !== 'subgroup' || engine.subgroupSize >= 8)
  assert.equal(
    products.map(({ form }) => form),
    forms,
  )
  assert.ok(products.every(({ ms }) => ms! > 0))
  const least = Math.min(...products.map(({ ms }) => ms!))
  assert.is(products.find(({ form }) => form === best.products)!.ms, least)
  assert.is(engine.products, best.products)
  assert.is(seen.filter((what) => what === `products ${forms[0]}`).length, 1)
  assert.is(tuningTable(found!).match(/fastest/g)!.length, 2)
  Object.assign(engine, usual)
})

test('a form that fails is told and not chosen; stopped, nothing changes', async () => {
  const failing: MicroCase = {
    ...small,
    record(bench) {
      if (bench.engine.products === 'direct') throw new Error('too large')
      return small.record(bench)
    },
  }
  const { products, best } = (await tune(engine, { products: [failing], attention: [small] }, options))!
  assert.is(products.find(({ form }) => form === 'direct')!.ms, null)
  assert.is.not(best.products, 'direct')
  Object.assign(engine, usual)
  assert.is(await tune(engine, { products: [small], attention: [small] }, { ...options, stop: () => true }), null)
  assert.equal({ products: engine.products, attention: engine.attention }, usual)
})

test('there are shapes for GPUs and for software adapters', () => {
  for (const software of [true, false])
    for (const cases of Object.values(tuneCases(software))) assert.ok(cases.length >= 2, `${cases.length}`)
})

test('what was found is kept by adapter, and read where it still says something', async () => {
  assert.is(keptForms(engine, cache), null)
  const forms = { products: 'direct', attention: 'direct' } as const
  const path = await keepForms(engine, forms, cache)
  assert.equal({ ...keptForms(engine, cache), date: '' }, { ...forms, date: '' })

  const other = { ...JSON.parse(await readFile(path, 'utf8')), 'another card': { products: 'shared' } }
  await writeFile(path, JSON.stringify(other))
  await keepForms(engine, usual, cache)
  const all = JSON.parse(await readFile(path, 'utf8'))
  assert.equal(all['another card'], { products: 'shared' })

  const key = adapterKey(engine.device.adapterInfo)
  for (const damaged of [
    'no JSON',
    '[]',
    JSON.stringify({ [key]: { ...all[key], version: 0 } }),
    JSON.stringify({ [key]: { ...all[key], products: 'fast' } }),
  ]) {
    await writeFile(path, damaged)
    assert.is(keptForms(engine, cache), null, damaged)
  }
})

test('without a measurement the kind of adapter decides; subgroups only where there are enough lanes', () => {
  assert.equal(usualForms(false, 32), { products: 'shared', attention: 'shared' })
  assert.equal(usualForms(true, 8), { products: 'subgroup', attention: 'subgroup' })
  assert.equal(usualForms(true, 4), { products: 'transposed', attention: 'direct' })
})

test.run()
