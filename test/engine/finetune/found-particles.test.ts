/** @file How well a prompt head finds particles, from maps made of the labels themselves. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { promptHeadTargets } from '../../../engine/image/prompt-head-targets'
import type { Sample } from '../../../engine/image/sample'
import { countFound, foundF1 } from '../../../engine/finetune/found-particles'

/** Discs of a radius in an image of 160x120. */
function discs(centres: readonly [number, number][], radius: number): Sample {
  const [width, height] = [160, 120]
  const labels = new Uint16Array(width * height)
  for (const [i, [cx, cy]] of centres.entries())
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) if (Math.hypot(x - cx, y - cy) < radius) labels[y * width + x] = i + 1
  return { width, height, rgb: new Uint8Array(3 * labels.length), labels }
}

function mapsOf({ width, height, labels }: Sample, size: number) {
  const targets = promptHeadTargets({ width, height, data: labels }, size)
  const plane = (map: number) =>
    Float32Array.from({ length: (size / 4) ** 2 }, (_, i) => Math.max(0, targets[3 * i + map]))
  return { side: size / 4, foreground: plane(0), centre: plane(1), distance: plane(2) }
}

const four = discs([[30, 30], [90, 30], [30, 90], [130, 90]], 14) // prettier-ignore
const two = discs([[30, 30], [90, 30]], 14) // prettier-ignore

test('maps of the labels find every particle, at any input size', () => {
  for (const size of [160, 320])
    assert.equal(countFound(mapsOf(four, size), four), { hits: 4, prompts: 4, particles: 4 })
})

test('particles without a prompt and prompts without a particle count', () => {
  assert.equal(countFound(mapsOf(two, 160), four), { hits: 2, prompts: 2, particles: 4 })
  assert.equal(countFound(mapsOf(four, 160), two), { hits: 2, prompts: 4, particles: 2 })
  const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-12, `${a}`)
  close(foundF1([{ hits: 2, prompts: 2, particles: 4 }]), 2 / 3)
  close(
    foundF1([
      { hits: 2, prompts: 2, particles: 4 },
      { hits: 2, prompts: 4, particles: 2 },
    ]),
    8 / 12,
  )
  assert.is(foundF1([{ hits: 0, prompts: 0, particles: 0 }]), 0)
})

test('two prompts on one particle find one', () => {
  const joined = { ...two, labels: two.labels.map((id) => (id ? 1 : 0)) }
  assert.equal(countFound(mapsOf(two, 160), joined), { hits: 1, prompts: 2, particles: 1 })
})

test.run()
