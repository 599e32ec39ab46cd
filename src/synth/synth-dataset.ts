/** @file Writes a dataset of synthetic scenes. */
import { join } from 'node:path'
import { writeFileAtomic } from '../host/files'
import { UserError } from '../host/errors'
import { writePng } from '../images/png-writer'
import { renderScene, sceneOptions, type SceneOptions } from '../../engine/synth/scene'

export { renderScene, sceneDefaults, type Scene, type SceneOptions } from '../../engine/synth/scene'

export interface SynthOptions extends Partial<SceneOptions> {
  /** The number of scenes to write. */
  count: number
  /** Scene i has the seed `seed + i`, so that a longer dataset begins with the same scenes as a shorter one. */
  seed: number
  onScene?(done: number, count: number): void
}

/**
 * Writes a dataset of synthetic scenes: images/scene-0001.png (8-bit gray), masks/scene-0001.png (16-bit labels) and so on,
 * and synth.json with all options, from which the same dataset can be made again. Every scene is a separate group.
 * @returns the number of particles of each scene
 * @throws UserError if an option is out of range
 */
export async function writeSynth(folder: string, options: SynthOptions): Promise<number[]> {
  const { count, seed, onScene, ...given } = options
  if (!Number.isInteger(count) || count < 1 || count > 100000)
    throw new UserError(`the number of scenes must be from 1 to 100000, not ${count}`)
  if (!Number.isSafeInteger(seed) || seed < 0 || !Number.isSafeInteger(seed + count))
    throw new UserError(`the seed must be a whole number from 0, not ${seed}`)
  const scene = sceneOptions(given)
  const particles: number[] = []
  for (let i = 0; i < count; i++) {
    const { width, height, image, labels, particles: n } = renderScene(seed + i, scene)
    const name = `scene-${String(i + 1).padStart(4, '0')}.png`
    await writePng(join(folder, 'images', name), { width, height, channels: 1, data: image })
    await writePng(join(folder, 'masks', name), { width, height, channels: 1, data: labels })
    particles.push(n)
    onScene?.(i + 1, count)
  }
  const record = { generator: 'wgsam synth', version: 1, seed, count, scene, particles }
  await writeFileAtomic(join(folder, 'synth.json'), JSON.stringify(record, null, 2) + '\n')
  return particles
}
