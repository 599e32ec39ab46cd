import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openSafetensors, readSafetensors } from '../../../src/weights/safetensors'
import { writeSafetensors } from '../../../src/weights/safetensors-writer'
import { refuses, scratch } from '../../support/weights'
import { testNeedingShared } from '../../support/needs'

const at = scratch()

/** A file with this header, and zeros for data. */
function craft(name: string, header: unknown, length: number): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(json.length))
  writeFileSync(at(name), Buffer.concat([size, json, Buffer.alloc(length)]))
  return at(name)
}

test('what is written is read back, whatever the element type and order', async () => {
  const path = at('all.safetensors')
  await writeSafetensors(
    path,
    [
      { name: 'bytes', shape: [3], data: Uint8Array.of(1, 2, 255) },
      { name: 'a', shape: [2, 2], data: Float32Array.of(1, -2, 0.1, Infinity) },
      { name: 'nan', shape: [1], data: Float32Array.of(NaN) },
      { name: 'later', shape: [2], data: async () => Float32Array.of(5, 6) },
      { name: 'wide', shape: [1], data: Float64Array.of(1e300) },
      { name: 'steps', shape: [], data: BigInt64Array.of(-5n) },
      { name: '__proto__', shape: [0, 4], data: new Float32Array(0) },
      { name: 'seeds', shape: [2], data: Uint32Array.of(0xffffffff, 1) },
    ],
    { kind: 'test' },
  )
  const read = await readSafetensors(path)
  assert.equal(read.get('a'), { shape: [2, 2], dtype: 'F32', data: Float32Array.of(1, -2, 0.1, Infinity) })
  assert.ok(Number.isNaN(read.get('nan')!.data[0]))
  assert.equal(read.get('later')!.data, Float32Array.of(5, 6))
  assert.equal(read.get('bytes')!.data as unknown, Uint8Array.of(1, 2, 255))
  assert.equal(read.get('wide')!.data as unknown, Float64Array.of(1e300))
  assert.equal(read.get('steps')!.data as unknown, BigInt64Array.of(-5n))
  assert.equal(read.get('seeds')!.data as unknown, Uint32Array.of(0xffffffff, 1))
  assert.equal(read.get('__proto__'), { shape: [0, 4], dtype: 'F32', data: new Float32Array(0) })
  const file = await openSafetensors(path)
  assert.equal(file.metadata, { kind: 'test' })
  assert.equal(await file.tensors.get('steps')!.read(), Float32Array.of(-5))
  await file.close()
})

test('half-width floats widen exactly', async () => {
  const path = craft(
    'half.safetensors',
    {
      h: { dtype: 'F16', shape: [6], data_offsets: [0, 12] },
      b: { dtype: 'BF16', shape: [2], data_offsets: [12, 16] },
    },
    0,
  )
  const bits = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x8000, 0x7c00, 0x3f80, 0xc049)
  writeFileSync(path, Buffer.concat([readFileSync(path), new Uint8Array(bits.buffer)]))
  const read = await readSafetensors(path)
  assert.equal(read.get('h')!.data, Float32Array.of(1, -2, 2 ** -24, 65504, -0, Infinity))
  assert.equal(read.get('b')!.data, Float32Array.of(1, -3.140625))
})

test('any byte of a BOOL tensor but 0 is true', async () => {
  const path = craft('bool.safetensors', { b: { dtype: 'BOOL', shape: [4], data_offsets: [0, 4] } }, 0)
  writeFileSync(path, Buffer.concat([readFileSync(path), Uint8Array.of(0, 1, 2, 255)]))
  const read = await readSafetensors(path)
  assert.equal([...read.get('b')!.data], [0, 1, 1, 1])
  const file = await openSafetensors(path)
  assert.equal(await file.tensors.get('b')!.read(), Float32Array.of(0, 1, 1, 1))
  await file.close()
})

test('a failure while writing leaves the old file and nothing beside it', async () => {
  const path = at('kept/model.safetensors')
  await writeSafetensors(path, [{ name: 'a', shape: [1], data: Float32Array.of(1) }])
  const before = readFileSync(path)
  const fail = async (): Promise<Float32Array> => {
    throw new Error('no more')
  }
  await writeSafetensors(path, [{ name: 'a', shape: [1], data: fail }]).then(
    () => assert.unreachable(),
    (e) => assert.is(e.message, 'no more'),
  )
  await refuses(
    writeSafetensors(path, [{ name: 'a', shape: [2], data: async () => Float32Array.of(1) }]),
    'tensor a',
    '(2)',
  )
  assert.equal(readFileSync(path), before)
  assert.equal(readdirSync(dirname(path)), ['model.safetensors'])
})

test('a header of any depth is refused in one short line', async () => {
  const path = at('deep.safetensors')
  const deep = '['.repeat(20_000) + ']'.repeat(20_000)
  for (const entry of [
    `{"dtype":${deep},"shape":[1],"data_offsets":[0,4]}`,
    `{"dtype":"F32","shape":${deep},"data_offsets":[0,4]}`,
    `{"dtype":"F32","shape":[1],"data_offsets":${deep}}`,
  ]) {
    const header = Buffer.from(`{"a":${entry}}`)
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(header.length))
    writeFileSync(path, Buffer.concat([length, header, Buffer.alloc(4)]))
    await openSafetensors(path).then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, /deep\.safetensors: tensor a: .{1,150}$/),
    )
  }
})

test('damaged files are refused by file and tensor', async () => {
  const f32 = (shape: unknown, from: number, to: number) => ({ dtype: 'F32', shape, data_offsets: [from, to] })
  const cases: [string, unknown, number, string][] = [
    ['overlap', { a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12, 'tensor b overlaps'],
    ['gap', { a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12, 'belong to no tensor'],
    ['trailing', { a: f32([1], 0, 4) }, 8, '4 bytes at the end'],
    ['truncated', { a: f32([1], 0, 4), b: f32([2], 4, 12) }, 8, 'ends before tensor b does'],
    ['size', { a: f32([3], 0, 8) }, 8, '8 bytes do not fit F32 (3)'],
    ['negative', { a: f32([-1, -2], 0, 8) }, 8, 'shape [-1,-2]'],
    ['huge', { a: f32([2 ** 30, 2 ** 30], 0, 8) }, 8, 'tensor a: shape'],
    ['dtype', { a: { dtype: 'F4', shape: [1], data_offsets: [0, 4] } }, 4, 'element type "F4"'],
    ['offsets', { a: { dtype: 'F32', shape: [1], data_offsets: [4, 0] } }, 4, 'not a range'],
    ['null', { a: null }, 0, 'tensor a'],
    ['metadata', { __metadata__: { a: 1 } }, 0, '__metadata__'],
    ['json', '{"a":', 0, 'not a JSON object'],
  ]
  for (const [name, header, length, message] of cases) {
    const path = craft(`${name}.safetensors`, header, length)
    await refuses(openSafetensors(path), path, message)
  }
  writeFileSync(at('short'), 'abc')
  await refuses(openSafetensors(at('short')), at('short'), 'not a safetensors file')
  writeFileSync(at('header'), Buffer.from([100, 0, 0, 0, 0, 0, 0, 0, 0x7b]))
  await refuses(openSafetensors(at('header')), 'ends before its header')
  await refuses(openSafetensors(at('nowhere')), at('nowhere'), 'cannot be opened')
  await refuses(openSafetensors(dirname(at('x'))), 'not a regular file')
})

const golden = '../shared/golden/tiny.golden.safetensors'
testNeedingShared(golden)('the public golden file is read', async () => {
  const read = await readSafetensors(golden)
  assert.equal(read.get('embedding')!.shape, [2, 32, 8, 8])
  const [loss, dice, bce] = ['loss', 'dice', 'bce'].map((name) => read.get(`lora.${name}`)!.data[0])
  assert.ok(Math.abs(loss - dice - bce) < 1e-5)
})

test.run()
