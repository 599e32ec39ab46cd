/** @file `wgsam synth`: synthetic images of particle heaps with exact labels. */
import { count as counted } from '../text/count'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { sceneDefaults, writeSynth } from '../synth/synth-dataset'
import { UserError } from '../host/errors'
import { Progress } from '../host/progress'
import type { Command } from '../cli/command'
import { flag, number, text } from '../cli/options'

export const command: Command = {
  name: 'synth',
  summary: 'create synthetic electron microscope images of particle heaps, with exact labels',
  usage: '--out DIR [--count N] [--size PIXELS] [--seed N] [options]',
  options: {
    out: { type: 'string', value: 'DIR', description: 'folder to write images/, masks/ and synth.json into' },
    count: { type: 'string', value: 'N', default: '16', description: 'number of images' },
    size: {
      type: 'string',
      value: 'PIXELS',
      default: `${sceneDefaults.width}`,
      description: 'side of the square images',
    },
    seed: {
      type: 'string',
      value: 'N',
      default: '0',
      description: 'random seed; the same seed creates the same images',
    },
    particles: {
      type: 'string',
      value: 'A,B',
      default: sceneDefaults.particles.join(','),
      description: 'minimum and maximum number of particles per image',
    },
    difficulty: {
      type: 'string',
      value: 'X',
      default: `${sceneDefaults.difficulty}`,
      description: 'from 0 (clean, separate particles) to 1 (rough and noisy, in deep piles)',
    },
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  async run(values) {
    const out = text(values, 'out')
    if (!out) throw new UserError('wgsam synth needs --out DIR')
    if (existsSync(join(out, 'images')))
      throw new UserError(`${join(out, 'images')} already exists: choose another --out, or remove it`)
    const size = number(values, 'size', { min: 32, max: 8192, integer: true })!
    const range = text(values, 'particles')!.split(',').map(Number)
    if (range.length !== 2) throw new UserError('--particles takes two numbers, e.g. 60,160')
    const bar = new Progress('scenes', undefined)
    const count = number(values, 'count', { min: 1, integer: true })!
    const particles = await writeSynth(out, {
      count,
      seed: number(values, 'seed', { min: 0, integer: true })!,
      width: size,
      height: size,
      particles: range as [number, number],
      difficulty: number(values, 'difficulty')!,
      onScene: (done, total) => bar.update(done, '', total),
    })
    const sum = particles.reduce((a, b) => a + b, 0)
    if (flag(values, 'json')) console.log(JSON.stringify({ out, images: count, particles }))
    else console.log(`${out}: ${counted(count, 'image')} of ${size} x ${size} pixels with ${counted(sum, 'particle')}`)
  },
}
