/** Memory planning: tensors share memory only if they are not live together, and a run needs no more than planned. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import pointwise from '../../../shaders/pointwise.wgsl'
import { type Dispatch, Graph } from '../../../engine/graph/graph'
import { planMemory } from '../../../engine/graph/memory-layout'
import { type Storage, Tensor } from '../../../engine/device/tensor'
import { maskStatistics, weightedMaskLoss } from '../../../engine/ops/mask-loss'
import { engine } from '../../support/engine'
import { randomArray, randoms } from '../../support/random'
import { adapt, modelInputs, openToy } from '../../support/toy'

interface Range {
  storage: Storage
  /** The buffer: its number in a layout, the buffer itself in a program. */
  place: unknown
  offset: number
}

/**
 * The faults of a memory layout, found from the step's dispatches alone: two intermediates that are in use at once and share
 * bytes, or a buffer that one dispatch both reads and writes.
 */
function faults(dispatches: readonly Dispatch[], kept: ReadonlySet<Storage>, ranges: readonly Range[]): string[] {
  const found: string[] = []
  const lives = new Map<Storage, [number, number]>()
  for (const storage of kept) lives.set(storage, [-1, dispatches.length])
  dispatches.forEach(({ bindings }, i) =>
    bindings.forEach(({ tensor: { storage } }) => {
      const [first, last] = lives.get(storage) ?? [i, i]
      lives.set(storage, [first, Math.max(last, i)])
    }),
  )
  for (const [i, a] of ranges.entries())
    for (const b of ranges.slice(i + 1)) {
      const [lifeA, lifeB] = [lives.get(a.storage)!, lives.get(b.storage)!]
      const together = lifeA[0] <= lifeB[1] && lifeB[0] <= lifeA[1]
      const shared = a.offset < b.offset + b.storage.bytes && b.offset < a.offset + a.storage.bytes
      if (a.place === b.place && together && shared) found.push(`${a.storage.label} and ${b.storage.label} share bytes`)
    }
  const placeOf = new Map(ranges.map(({ storage, place }) => [storage, place]))
  dispatches.forEach(({ label, bindings }) => {
    const places = (writes: boolean) =>
      bindings
        .filter((b) => b.writes === writes)
        .map(({ tensor: { storage } }) => placeOf.get(storage) ?? storage.buffer)
    const read = new Set(places(false))
    if (places(true).some((place) => read.has(place))) found.push(`${label} reads and writes one buffer`)
  })
  return found
}

/** A whole training pass of a toy model. */
async function trainingPass(name: 'toy_vit' | 'toy_tiny_vit') {
  const model = await openToy(name)
  const { adapter, parameters } = adapt(model, { targets: ['q', 'k', 'v', 'proj', 'lin1', 'lin2', 'decoder.q'] })
  const g = new Graph(engine, true)
  const t = modelInputs(g, model, 2, 4, 3)
  const { logits, iou } = model.decode(g, model.encode(g, t.images, t.sizes), t)
  g.keep(iou)
  const targets = g.input('targets', [4, model.maskSide ** 2])
  const terms = { logits, targets, dice: 1, bce: 1, smooth: 1 }
  const weights = g.input('weights', [4, 4])
  const loss = weightedMaskLoss(g, { ...terms, perMask: maskStatistics(g, terms), weights })
  g.backward(g.keep(loss), g.input('upstream', [1]))
  return { g, program: await g.compile(), end: () => (adapter.release(), parameters.release(), model.release()) }
}

test('a training step: nothing in use at once shares bytes, no dispatch reads and writes one buffer', async () => {
  for (const name of ['toy_vit', 'toy_tiny_vit'] as const) {
    const { g, program, end } = await trainingPass(name)
    const { placements, arenas, arenaBytes, intermediateBytes } = program.memory
    assert.ok(g.dispatches.length > 300 && placements.length > 300)
    const placed = new Set(placements.map(({ storage }) => storage))
    for (const { label, bindings } of g.dispatches)
      for (const { tensor } of bindings) assert.ok(tensor.storage.buffer, `${label}: ${tensor.label} has no memory`)
    for (const { storage, arena, offset } of placements)
      assert.ok(offset % 256 === 0 && offset + storage.bytes <= arenas[arena], `${storage.label} is outside its arena`)
    const ranges = [...placed].map((storage) => ({ storage, place: storage.buffer, offset: storage.offset }))
    assert.equal(faults(g.dispatches, g.kept, ranges), [])
    const apart = Object.values(intermediateBytes).reduce((a, b) => a + b, 0)
    assert.ok(
      arenaBytes < 1.1 * program.memory.liveBytes,
      `${arenaBytes} bytes, where ${program.memory.liveBytes} are in use at once`,
    )
    assert.ok(arenaBytes < 0.7 * apart, `${arenaBytes} bytes for ${apart}: hardly anything is shared`)

    // the check itself must find a wrong placement: two tensors of one dispatch at the same bytes
    const together = g.dispatches
      .map(({ bindings }) => bindings.map(({ tensor }) => tensor.storage).filter((s) => placed.has(s)))
      .find(([a, b]) => b && a !== b)!
    const home = ranges.find(({ storage }) => storage === together[0])!
    const moved = ranges.map((r) => (r.storage === together[1] ? { ...home, storage: r.storage } : r))
    assert.ok(faults(g.dispatches, g.kept, moved).length > 0)
    program.destroy()
    end()
  }
})

/** A dispatch that reads and writes the tensors of these names. */
function dispatchOf(tensors: Map<string, Tensor>, reads: string[], writes: string[]): Dispatch {
  const bind = (names: string[], written: boolean) =>
    names.map((name, i) => ({ binding: i + 1, tensor: tensors.get(name)!, writes: written }))
  const bindings = [...bind(reads, false), ...bind(writes, true)]
  const label = `${reads.join()}->${writes.join()}`
  return { label, shader: pointwise, entry: 'scale', constants: {}, bindings, uniform: null, groups: [1, 1, 1] }
}

/** Maximum bytes of the tensors in use at one dispatch, counted dispatch by dispatch. */
function mostInUse(dispatches: readonly Dispatch[], kept: ReadonlySet<Storage>): number {
  const used = dispatches.map(({ bindings }) => new Set(bindings.map(({ tensor }) => tensor.storage)))
  const storages = new Set([...kept, ...used.flatMap((set) => [...set])])
  const inUse = dispatches.map((_, i) =>
    [...storages].filter(
      (s) =>
        kept.has(s) || (used.some((set, j) => j <= i && set.has(s)) && used.some((set, j) => j >= i && set.has(s))),
    ),
  )
  return Math.max(...inUse.map((set) => set.reduce((sum, { bytes }) => sum + bytes, 0)))
}

const intermediate = (label: string, elements: number) =>
  new Tensor({ kind: 'activation', label, bytes: elements * 4, buffer: null, offset: 0 }, [elements])

test('random steps are placed without a fault, within the largest arena, the same way every time', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const next = randoms(seed)
    const below = (n: number) => Math.floor(((next() + 1) / 2) * n)
    const tensors = new Map<string, Tensor>()
    const dispatches: Dispatch[] = []
    const maxArena = 1 << 15
    for (let i = 0; i < 60; i++) {
      const name = `t${i}`
      tensors.set(name, intermediate(name, 1 + below(4096)))
      const older = [...tensors.keys()].slice(0, -1)
      const reads = older.length ? [older[below(older.length)], older[Math.max(0, older.length - 1 - below(3))]] : []
      const again = older.filter((n) => !reads.includes(n))
      const writes = below(4) === 0 && again.length ? [name, again[below(again.length)]] : [name]
      dispatches.push(dispatchOf(tensors, [...new Set(reads)], writes))
    }
    const kept = new Set([tensors.get('t3')!.storage, tensors.get('t50')!.storage])
    const first = planMemory(dispatches, kept, 256, maxArena)
    const ranges = first.placements.map(({ storage, arena, offset }) => ({ storage, place: arena, offset }))
    assert.is(ranges.length, 60)
    assert.equal(faults(dispatches, kept, ranges), [], `seed ${seed}`)
    assert.ok(first.arenas.every((bytes) => bytes <= maxArena))
    assert.is(
      first.arenaBytes,
      first.arenas.reduce((a, b) => a + b, 0),
    )
    assert.equal(planMemory(dispatches, kept, 256, maxArena).placements, first.placements)
    assert.is(first.liveBytes, mostInUse(dispatches, kept), `seed ${seed}`)
    assert.ok(first.liveBytes <= first.arenaBytes)
  }
})

test('a chain of steps needs two buffers, whatever its length', () => {
  const names = Array.from({ length: 30 }, (_, i) => `t${i}`)
  const tensors = new Map(names.map((name) => [name, intermediate(name, 256)]))
  const dispatches = names.map((name, i) => dispatchOf(tensors, i ? [names[i - 1]] : [], [name]))
  const { arenas, arenaBytes, intermediateBytes } = planMemory(dispatches, new Set(), 256, 1 << 20)
  assert.equal(arenas, [1024, 1024])
  assert.is(arenaBytes, 2048)
  assert.equal(intermediateBytes, { activation: 30 * 1024 })
})

test('a run creates no buffer, and repeats to the bit', async () => {
  const { program, g, end } = await trainingPass('toy_vit')
  const loss = [...g.kept].find(({ label }) => label === 'mask loss')!
  const tensor = new Tensor(loss, [1])
  for (const storage of g.kept)
    if (storage.kind === 'input')
      program.write(new Tensor(storage, [storage.bytes / 4]), randomArray(1, storage.bytes / 4))
  const { device } = engine
  const create = device.createBuffer
  let created = 0
  device.createBuffer = function (descriptor) {
    created++
    return create.call(device, descriptor)
  }
  try {
    await engine.read(tensor)
    assert.is(created, 1, 'the count works: a read-back creates one buffer')
    created = 0
    for (let i = 0; i < 3; i++) program.run()
    await engine.idle()
    assert.is(created, 0)
  } finally {
    device.createBuffer = create
  }
  const first = await engine.read(tensor)
  program.run()
  assert.equal(await engine.read(tensor), first)
  program.destroy()
  end()
})

test.run()
