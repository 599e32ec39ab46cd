/**
 * @file The time from the start of the program to the first result. Drivers cache compiled shaders on disk, so it is measured in
 * separate processes whose cache folder is empty for the first one and filled for the second.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from '../engine/device/engine'
import { UserError } from '../src/host/errors'
import type { MacroCase } from './macro/macro-case'
import type { StartupRow, StartupTimes } from './results'
import { withPrecision } from './precisions'
import { spreadOf } from './statistics'

/** Measures the start in this process, which must not have used a GPU before. */
export async function startupTimes(one: MacroCase, open: () => Promise<Engine>): Promise<StartupTimes> {
  const marks = [performance.now()]
  const mark = () => marks.push(performance.now())
  const engine = await open()
  mark()
  const { submit, finish } = await one.open(withPrecision(engine, one.precision))
  mark()
  for (let i = 0; i < 2; i++) {
    submit?.()
    await finish()
    mark()
  }
  const [openMs, record, first, second] = marks.slice(1).map((at, i) => at - marks[i])
  return { open: openMs, record, first, second }
}

/** Variables for the shader cache folders of Mesa (AMD, Intel, lavapipe) and NVIDIA on Linux. Elsewhere it cannot be moved. */
const CACHES = ['MESA_SHADER_CACHE_DIR', '__GL_SHADER_DISK_CACHE_PATH']

/**
 * Two rows: with an empty shader cache, and with a filled one.
 * @param cli path of this program
 * @throws UserError if the shader cache cannot be moved, or a process fails
 */
export async function startupRows(cli: string, name: string): Promise<StartupRow[]> {
  if (process.platform !== 'linux')
    throw new UserError(
      'the shader cache of this system cannot be moved, so a start without cached shaders cannot be measured',
    )
  const folder = await mkdtemp(join(tmpdir(), 'wgsam-shaders-'))
  try {
    const rows: StartupRow[] = []
    for (const cold of [true, false]) {
      const times = await childJson<StartupTimes>(cli, ['bench', '--once', name, '--json'], {
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

/** Runs this program with the given arguments. Returns the JSON that it prints. @throws UserError with its message if it fails */
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
