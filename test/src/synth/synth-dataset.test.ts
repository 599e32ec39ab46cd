import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readImage } from '../../../src/images/read-image'
import { renderScene, writeSynth } from '../../../src/synth/synth-dataset'

test('the same seed gives the same bytes, another seed another scene', () => {
  const size = { width: 160, height: 120 }
  const [a, b, c] = [renderScene(1, size), renderScene(1, size), renderScene(2, size)]
  assert.equal(a, b)
  assert.not.equal(a.labels, c.labels)
  assert.is(a.image.length, 160 * 120)
})

test('labels are 1 to n without gaps, each large enough to be found, and cover what was asked', () => {
  for (const [seed, difficulty] of [
    [1, 0],
    [2, 1],
    [3, 0.5],
  ]) {
    const scene = renderScene(seed, { width: 256, height: 256, particles: [20, 80], coverage: 0.8, difficulty })
    const areas = new Int32Array(65536)
    for (const id of scene.labels) areas[id]++
    assert.ok(scene.particles >= 15 && scene.particles <= 80)
    for (let id = 1; id <= scene.particles; id++) assert.ok(areas[id] >= 10, `particle ${id} is seen`)
    assert.is(
      areas.subarray(scene.particles + 1).reduce((x, y) => x + y),
      0,
    )
    assert.ok(1 - areas[0] / scene.labels.length > 0.65)
  }
})

test('particles are brighter than the gaps and the picture uses its range', () => {
  const { image, labels } = renderScene(5, { width: 256, height: 256, difficulty: 0.2 })
  const mean = (inside: boolean) => {
    const values = image.filter((_, i) => labels[i] > 0 === inside)
    return values.reduce((a, b) => a + b, 0) / values.length
  }
  assert.ok(mean(true) > mean(false) + 15)
  const sorted = [...image].sort((a, b) => a - b)
  assert.ok(sorted[60000] - sorted[5000] > 40)
})

test('a folder of scenes reads back exactly and says how it was made', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wgsam synth '))
  try {
    const options = { count: 2, seed: 9, width: 64, height: 48, particles: [5, 9] as [number, number] }
    const particles = await writeSynth(folder, options)
    assert.equal((await readdir(join(folder, 'images'))).sort(), ['scene-0001.png', 'scene-0002.png'])
    const scene = renderScene(10, options)
    const image = await readImage(join(folder, 'images/scene-0002.png'))
    const mask = await readImage(join(folder, 'masks/scene-0002.png'))
    assert.equal([image.depth, image.channels, mask.depth, mask.channels], [8, 1, 16, 1])
    assert.equal(Uint8Array.from(image.data), scene.image)
    assert.equal(Uint16Array.from(mask.data), scene.labels)
    const record = JSON.parse(await readFile(join(folder, 'synth.json'), 'utf8'))
    assert.equal([record.seed, record.scene.width, record.particles], [9, 64, particles])
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('options out of range are named', async () => {
  assert.throws(() => renderScene(1, { width: 8 }), /width of a scene/)
  assert.throws(() => renderScene(1, { coverage: NaN }), /coverage/)
  assert.throws(() => renderScene(1, { particles: [10, 5] }), /maximum number of particles/)
  let message = ''
  await writeSynth('nowhere', { count: 0, seed: 1 }).catch((error) => (message = error.message))
  assert.match(message, /number of scenes/)
})

test.run()
