/** @file An engine on a device that its host also uses: whose errors count, and what disposing leaves. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../../engine/device/engine'
import { DeviceLostError, GpuError } from '../../../engine/device/gpu-errors'
import { Graph } from '../../../engine/graph/graph'
import { scale } from '../../../engine/ops/pointwise'
import { openDevice } from '../../../src/host/device'
import { findAdapter } from '../../../src/host/gpu'

const open = async () => openDevice((await findAdapter())!)

/** Makes the device report a validation error, as a host's own code might. */
const hostError = (device: GPUDevice) =>
  device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE })

/** 2, 4, 6 computed on the engine. */
async function compute(engine: Engine): Promise<number[]> {
  const g = new Graph(engine)
  const x = g.input('x', [3])
  const y = g.keep(scale(g, x, 2))
  const program = await g.compile()
  program.write(x, Float32Array.of(1, 2, 3))
  program.run()
  const values = [...(await program.read(y))]
  program.destroy()
  return values
}

test('an error of the host does not stop an engine on a shared device', async () => {
  const device = await open()
  const reported: string[] = []
  device.addEventListener('uncapturederror', (event) => {
    reported.push((event as GPUUncapturedErrorEvent).error.message)
    event.preventDefault()
  })
  const engine = new Engine(device, { sharedDevice: true })
  hostError(device)
  assert.equal(await compute(engine), [2, 4, 6])
  hostError(device)
  assert.equal(await compute(engine), [2, 4, 6])
  assert.is(reported.length, 2, 'the host hears of its own errors')
  device.destroy()
})

test('an error of the engine stops it, and only it', async () => {
  const device = await open()
  const others: unknown[] = []
  device.addEventListener('uncapturederror', (event) => others.push(event))
  const engine = new Engine(device, { sharedDevice: true })
  // more bytes than the buffer has
  const tensor = engine.persistent('weight', 'w', [4])
  engine.scoped(() => device.queue.writeBuffer(tensor.storage.buffer!, 1 << 20, new Uint8Array(16)))
  const failed = await engine.read(tensor).catch((error: Error) => error)
  assert.instance(failed, GpuError)
  assert.match((failed as Error).message, 'the GPU device reported an error')
  assert.equal(others, [], 'the scope caught it')
  assert.equal(await compute(new Engine(device, { sharedDevice: true })), [2, 4, 6])
  device.destroy()
})

test('on a device that the engine owns every error stops it', async () => {
  const device = await open()
  const engine = new Engine(device)
  hostError(device)
  const failed = await compute(engine).catch((error: Error) => error)
  assert.instance(failed, GpuError)
  engine.destroy()
})

test('dispose frees what the engine made and leaves the device to its host', async () => {
  const device = await open()
  let held = 0
  const create = device.createBuffer.bind(device)
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor)
    held += descriptor.size
    const destroy = buffer.destroy.bind(buffer)
    buffer.destroy = () => {
      held -= descriptor.size
      return destroy()
    }
    return buffer
  }
  const engine = new Engine(device, { sharedDevice: true, software: false })
  engine.constant('c', [64], () => new Float32Array(64))
  assert.equal(await compute(engine), [2, 4, 6])
  assert.ok(held > 0)
  engine.dispose()
  assert.is(held, 0)
  assert.throws(() => engine.check(), 'the engine was disposed of')
  assert.equal(await compute(new Engine(device)), [2, 4, 6])
  device.destroy()
})

test('a lost device has a separate type of error', async () => {
  const device = await open()
  const engine = new Engine(device, { sharedDevice: true })
  await compute(engine)
  device.destroy()
  await device.lost
  assert.throws(
    () => engine.check(),
    (error: Error) => error instanceof DeviceLostError && /the GPU device was lost/.test(error.message),
  )
})

test.run()
