import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { quantile } from '../../../src/statistics/quantile'
import { variedScene } from '../../../engine/synth/varied-scene'

test('the same seed gives the same bytes; every scene fits and has numbered particles', () => {
  for (const longest of [32, 96, 300])
    for (let seed = 0; seed < 6; seed++) {
      const scene = variedScene(seed, longest)
      assert.equal(scene, variedScene(seed, longest))
      assert.ok(Math.max(scene.width, scene.height) <= longest && Math.min(scene.width, scene.height) >= 32)
      assert.is(scene.image.length, scene.width * scene.height)
      const ids = new Set(scene.labels)
      ids.delete(0)
      assert.ok(ids.size === scene.particles && ids.size > 0)
    }
})

test('scenes differ in number, size, spread, coverage, contrast and in which is darker', () => {
  const facts = Array.from({ length: 40 }, (_, seed) => {
    const { image, labels, particles } = variedScene(seed, 160)
    const areas = new Float64Array(particles)
    let [inside, outside, covered] = [0, 0, 0]
    labels.forEach((id, i) => {
      if (id) areas[id - 1]++
      if (id) inside += image[i]
      else outside += image[i]
      covered += id ? 1 : 0
    })
    const sizes = areas.map(Math.sqrt).sort()
    const values = Float64Array.from(image).sort()
    return {
      particles,
      median: quantile(sizes, 0.5),
      ratio: sizes[sizes.length - 1] / sizes[0],
      coverage: covered / labels.length,
      range: quantile(values, 0.95) - quantile(values, 0.05),
      brighter: inside / covered - outside / (labels.length - covered),
    }
  })
  const ends = (name: keyof (typeof facts)[0]) => {
    const all = facts.map((fact) => fact[name])
    return [Math.min(...all), Math.max(...all)]
  }
  const spans: [keyof (typeof facts)[0], number, number][] = [
    ['particles', 8, 60],
    ['median', 12, 40],
    ['ratio', 2, 8],
    ['coverage', 0.25, 0.7],
    ['range', 60, 120],
    ['brighter', -10, 20],
  ]
  for (const [name, low, high] of spans) {
    const [least, most] = ends(name)
    assert.ok(least < low && most > high, `${name} from ${least} to ${most}`)
  }
})

test.run()
