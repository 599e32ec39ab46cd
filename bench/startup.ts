/**
 * @file The time from nothing to a first result. Drivers keep compiled shaders on the disk, so it is measured in processes
 * of their own with a folder for them that is empty the first time and full the second.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from '../engine/device/engine'
import { UserError } from '../src/host/errors'
import type { MacroCase } from './macro/macro-case'
import type { FirstRow, FirstTimes } from './results'
import { spreadOf } from './statistics'

/** In this process, which must not have used a GPU before. */
export async function firstTimes(one: MacroCase, open: () => Promise<Engine>): Promise<FirstTimes> {
  const marks = [performance.now()]
  const mark = () => marks.push(performance.now())
  const engine = await open()
  mark()
  const { submit, finish } = await one.open(engine)
  mark()
  for (let i = 0; i < 2; i++) {
    submit?.()
    await finish()
    mark()
  }
  const [openMs, record, first, second] = marks.slice(1).map((at, i) => at - marks[i])
  return { open: openMs, record, first, second }
}

/** Where drivers keep their shaders: Mesa's (AMD, Intel, lavapipe) and NVIDIA's on Linux. Elsewhere it cannot be moved. */
const CACHES = ['MESA_SHADER_CACHE_DIR', '__GL_SHADER_DISK_CACHE_PATH']

export const coldFits = (): boolean => process.platform === 'linux'

/** Two rows: with no compiled shader, and with all of them. `cli`: this program's file. */
export async function firstRows(cli: string, name: string): Promise<FirstRow[]> {
  if (!coldFits())
    throw new UserError('the shader cache of this system cannot be moved, so no start is known to be cold')
  const folder = await mkdtemp(join(tmpdir(), 'wgsam-shaders-'))
  try {
    const rows: FirstRow[] = []
    for (const cold of [true, false]) {
      const times = await childJson<FirstTimes>(cli, ['bench', '--once', name, '--json'], {
        ...Object.fromEntries(CACHES.map((variable) => [variable, folder])),
        MESA_SHADER_CACHE_DISABLE: undefined,
      })
      const { open, record, first } = times
      const label = `first result, ${cold ? 'cold' : 'warm'} shaders: ${name}`
      rows.push({ kind: 'first', name: label, cold, ms: spreadOf([open + record + first]), ...times })
    }
    return rows
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What this program prints as JSON when it is run with these arguments. @throws UserError with its message where it fails */
export function childJson<T>(cli: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [out, errors] = ['', '']
    child.stdout.on('data', (chunk) => (out += chunk))
    child.stderr.on('data', (chunk) => (errors = `${errors}${chunk}`.slice(-4000)))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(JSON.parse(out) as T)
      const how = signal ? `ended by ${signal}` : `exit code ${code}`
      reject(new UserError(`\`wgsam ${args.join(' ')}\` failed (${how}): ${lastLines(errors)}`))
    })
  })
}

/** The end of a log, without Dawn's warnings. */
const lastLines = (log: string) =>
  log
    .split('\n')
    .filter((line) => line.trim() && !line.startsWith('Warning:'))
    .slice(-3)
    .join(' ')
    .replace(/^wgsam: /, '')
