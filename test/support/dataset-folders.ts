/** @file Small datasets of discs on disk, and running a command as it is typed. */
import { join } from 'node:path'
import { Rng } from '../../engine/rng'
import { type Command, parse } from '../../src/cli/command'
import { png16, png8 } from './files'

export interface Disc {
  x: number
  y: number
  r: number
  id: number
}

/** A label map of discs; later ones are on top. */
export function discs(width: number, height: number, list: readonly Disc[]): Uint16Array {
  const data = new Uint16Array(width * height)
  for (const { x, y, r, id } of list)
    for (let i = 0; i < data.length; i++)
      if (((i % width) - x) ** 2 + (Math.floor(i / width) - y) ** 2 <= r * r) data[i] = id
  return data
}

/** A gray image of waves that depends on the seed. */
export function picture(width: number, height: number, seed: number): Uint8Array {
  const rng = new Rng(seed)
  const waves = Array.from({ length: 6 }, () => [rng.range(-0.3, 0.3), rng.range(-0.3, 0.3), rng.range(0, 6)])
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)]
    return 127 + 20 * waves.reduce((sum, [a, b, c]) => sum + Math.sin(a * x + b * y + c), 0)
  })
}

/** Writes an image, that of `seed`, and its label map. */
export async function pair(
  folder: string,
  stem: string,
  labels: ArrayLike<number>,
  { width = 40, height = 30, seed = 1 } = {},
): Promise<void> {
  await png8(join(folder, 'images', `${stem}.png`), width, height, picture(width, height, seed))
  await png16(join(folder, 'masks', `${stem}.png`), width, height, labels)
}

/** Runs a command with its arguments; returns its exit code and output. */
export async function run(command: Command, ...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const { values, positionals } = parse(command, argv)
  const [out, err]: [string[], string[]] = [[], []]
  const { log, error } = console
  console.log = (line: string) => void out.push(line)
  console.error = (line: string) => void err.push(line)
  try {
    return { code: (await command.run(values, positionals)) ?? 0, out: out.join('\n'), err: err.join('\n') }
  } finally {
    Object.assign(console, { log, error })
  }
}
