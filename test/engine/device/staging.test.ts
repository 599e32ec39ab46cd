/** Uploads through mapped buffers, and buffers for reading back that stay. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ReadBuffers, StagedUploads } from '../../../engine/device/staging'
import { engine } from '../../support/engine'

const own = engine.uploads
test.after.each(() => void (engine.uploads = own))

const numbers = (count: number, seed: number) => Uint32Array.from({ length: count }, (_, i) => seed * 1e6 + i)
const read = async (tensor: Parameters<typeof engine.readBytes>[0]) => new Uint32Array(await engine.readBytes(tensor))

test('what is uploaded arrives, in the order of the queue, however many buffers it takes', async () => {
  engine.uploads = new StagedUploads(engine.device, 1024, 512)
  const tensor = engine.persistent('input', 'target', [3000])
  // 12000 bytes: four buffers of 1024, the rest by the queue
  for (const seed of [1, 2, 3]) {
    const data = numbers(3000, seed)
    engine.write(tensor, data)
    // too short for a buffer: by the queue, after the other
    engine.write(tensor.slice(10, 20), numbers(10, 9))
    data.set(numbers(10, 9), 10)
    assert.equal(await read(tensor), data)
  }
  // a view that begins within its memory, to a part of a tensor
  const part = numbers(600, 4).subarray(37, 337)
  engine.write(tensor.slice(500, 800), part)
  assert.equal((await read(tensor)).subarray(500, 800), part)
  engine.release(tensor)
})

test('buffers are used again when the GPU has copied them, and never more than four are made', async () => {
  let made = 0
  const { createBuffer } = engine.device
  engine.device.createBuffer = (descriptor) => {
    made++
    return createBuffer.call(engine.device, descriptor)
  }
  const uploads = new StagedUploads(engine.device, 1024, 512)
  const target = engine.buffer('target', 8192)
  const counted = made
  const data = new Uint8Array(8192)
  assert.is(uploads.write(target, 0, data.subarray(0, 508)), 0, 'too short')
  assert.is(made, counted)
  assert.is(uploads.write(target, 0, data), 4096)
  assert.is(uploads.write(target, 0, data), 0, 'none is free')
  await engine.idle()
  for (let i = 0; i < 50 && uploads.write(target, 0, data.subarray(0, 1024)) === 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 2))
  assert.is(uploads.write(target, 0, data.subarray(0, 1024)), 1024)
  assert.is(made, counted + 4)
  engine.device.createBuffer = createBuffer
  await engine.idle()
  target.destroy()
})

test('reading the same again creates no buffer', async () => {
  const reads = new ReadBuffers(engine.device)
  const [a, b] = [reads.take(1000), reads.take(1000)]
  assert.is.not(a, b)
  assert.is(a.size, 1024)
  reads.give(a)
  assert.is(reads.take(600), a)
  assert.is.not(reads.take(600), b)
  const large = reads.take((64 << 20) + 1)
  reads.give(large)
  assert.is.not(reads.take((64 << 20) + 1), large, 'too large to keep')
})

test('several tensors are read at once, as they were when the read was submitted', async () => {
  const [a, b] = [5, 300].map((size, i) => engine.persistent('input', `source ${i}`, [size], numbers(size, i + 1)))
  const both = engine.readAll([a, b.slice(100, 200)])
  engine.write(a, new Uint32Array(5))
  const [first, second] = (await both).map((x) => new Uint32Array(x.buffer))
  assert.equal(first, numbers(5, 1))
  assert.equal(second, numbers(300, 2).slice(100, 200))
  const sum = await engine.readMapped([b], (mapped) => new Uint32Array(mapped).reduce((x, y) => x + y, 0))
  assert.is(
    sum,
    numbers(300, 2).reduce((x, y) => x + y, 0),
  )
  const thrown = await engine.readMapped([b], () => assert.unreachable('')).catch((error: Error) => error.name)
  assert.is(thrown, 'Assertion')
  assert.equal(new Uint32Array((await engine.read(b)).buffer), numbers(300, 2), 'the buffer is still usable')
  for (const tensor of [a, b]) engine.release(tensor)
})

test.run()
