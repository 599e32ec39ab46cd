/**
 * @file Whether the matrix units of an adapter can be used. Their features are experimental, and some drivers die or hang when
 * they are enabled, which no code in the same process could survive. So they are tried in a separate process, once for each
 * adapter, driver and version of Dawn, and the outcome is kept in the cache folder. Software adapters are not tried.
 */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { isSoftwareAdapter } from '../../engine/device/software-adapter'
import { optionalDependencies } from '../../package.json'
import { cacheFolder } from './cache-folder'
import { adapterKey, type AdapterChoice } from './dawn'
import { builtFolder } from './dist-folder'
import { messageOf, UserError } from './errors'
import { writeFileAtomic } from './files'

/** Arguments of Dawn's create() with which adapters offer matrix units. A misspelt one would have no effect and no error. */
export const MATRIX_TOGGLES = ['enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia']

/** What the probe's process prints. */
export interface ProbeReport {
  /** adapterKey of the adapter that was tried; empty if it was not known yet. */
  adapter: string
  works: boolean
  /** Why not. */
  why: string
  /** Why attention cannot run on them, though products can; empty or missing if it can. */
  attention?: string
}

export interface MatrixOutcome {
  works: boolean
  /** Why not; empty if they work. */
  why: string
  /** Why attention cannot run on them; empty if it can. */
  attention: string
  /** When they were tried, as ISO text; null if they were not. */
  tried: string | null
}

export interface ProbeOptions {
  cache?: string
  /** Tries even if the outcome is known. */
  again?: boolean
  /** Runs the process; replaced in tests. */
  run?: (choice: AdapterChoice) => Promise<ProbeReport>
}

/** To be increased when the probe tries more than it did. */
const VERSION = 1
/** After this long the process is killed and counts as hanging: opening a device and compiling take a few seconds. */
const LIMIT_MS = 60_000
/** A failure is not remembered for longer: its cause may have been a full GPU, or a busy machine. */
const FAILURE_MS = 7 * 24 * 3600 * 1000

const Remembered = v.object({
  version: v.literal(VERSION),
  works: v.boolean(),
  why: v.string(),
  attention: v.optional(v.string(), ''),
  tried: v.pipe(v.string(), v.isoTimestamp()),
})
const ProbeFile = v.record(v.string(), v.unknown())

const fileOf = (cache = cacheFolder()): string => join(cache, 'matrix-units.json')
const keyOf = (info: GPUAdapterInfo): string => `${adapterKey(info)} / webgpu ${optionalDependencies.webgpu}`

const VARIABLE = 'WGSAM_MATRIX_UNITS'

/** False if the user has turned matrix units off. @throws UserError for another value of WGSAM_MATRIX_UNITS */
export function matrixUnitsWanted(env: NodeJS.ProcessEnv = process.env): boolean {
  const value = env[VARIABLE] ?? ''
  if (value === 'off') return false
  if (value === '' || value === 'on') return true
  throw new UserError(`${VARIABLE} is "${value}": it must be on or off`)
}

/** Whether the matrix units of an adapter can be used: remembered, or tried now. `info` is of the adapter that `choice` gives. */
export async function probeMatrixUnits(
  info: GPUAdapterInfo,
  choice: AdapterChoice,
  { cache, again = false, run = inProcess }: ProbeOptions = {},
): Promise<MatrixOutcome> {
  const not = (why: string): MatrixOutcome => ({ works: false, why, attention: '', tried: null })
  if (isSoftwareAdapter(info)) return not('a software adapter has none')
  if (!matrixUnitsWanted()) return not(`${VARIABLE}=off`)
  const path = fileOf(cache)
  const known = await readProbes(path)
  const remembered = v.safeParse(Remembered, known[keyOf(info)])
  if (remembered.success && !again) {
    const { version: _, ...outcome } = remembered.output
    const whole = outcome.works && !outcome.attention
    if (whole || Date.now() - Date.parse(outcome.tried) < FAILURE_MS) return outcome
  }
  const report = await run({ ...choice, toggles: [...(choice.toggles ?? []), ...MATRIX_TOGGLES] })
  if (report.adapter && report.adapter !== adapterKey(info))
    return not(`with experimental features enabled another adapter is chosen, ${report.adapter}`)
  const tried = new Date().toISOString()
  const { works, why, attention = '' } = report
  const entry: v.InferOutput<typeof Remembered> = { version: VERSION, works, why, attention, tried }
  if (attention && !again)
    console.error(`wgsam: attention does not use the matrix units of this GPU: ${attention}. See \`wgsam doctor\`.`)
  if (!works && !again) console.error(`wgsam: the matrix units of this GPU are not used: ${why}. See \`wgsam doctor\`.`)
  const all = { ...(await readProbes(path)), [keyOf(info)]: entry }
  // a cache folder that cannot be written costs a probe each time, nothing else
  await writeFileAtomic(path, JSON.stringify(all, null, 1) + '\n').catch(() => {})
  return { works, why, attention, tried }
}

async function readProbes(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, 'utf8').catch(() => '{}')
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), ProbeFile), text)
  return parsed.success ? parsed.output : {}
}

/** Built from matrix-probe-process.ts. */
const FILE = 'matrix-probe.js'

/** Runs the probe in a separate process. Whatever happens to that process is an outcome, not an error. */
export async function inProcess(choice: AdapterChoice, file = builtFile(), limit = LIMIT_MS): Promise<ProbeReport> {
  const no = (why: string): ProbeReport => ({ adapter: '', works: false, why })
  if (!file) return no(`${FILE} is missing from this installation`)
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file, JSON.stringify(choice)], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, errors] = ['', '']
    child.stdout.on('data', (chunk) => (out += chunk))
    child.stderr.on('data', (chunk) => (errors = `${errors}${chunk}`.slice(-2000)))
    const finish = (report: ProbeReport) => {
      clearTimeout(timer)
      resolve(report)
    }
    const timer = setTimeout(() => {
      // a process that hangs in its driver may not even end when killed: nobody waits for it
      child.kill('SIGKILL')
      child.unref()
      child.stdout.destroy()
      child.stderr.destroy()
      finish(no(`the driver did not answer within ${limit / 1000} seconds`))
    }, limit)
    child.on('error', (error) => finish(no(`the process that tries them does not start: ${messageOf(error)}`)))
    child.on('close', (code, signal) => {
      try {
        finish(JSON.parse(out) as ProbeReport)
      } catch {
        const last = errors.trim().split('\n').at(-1)
        const how = signal ? `by ${signal}` : `with code ${code}`
        finish(no(`the process that tried them ended ${how}${last ? `: ${last}` : ''}`))
      }
    })
  })
}

function builtFile(): string | null {
  const folder = builtFolder(FILE)
  return folder && join(folder, FILE)
}
