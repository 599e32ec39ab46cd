/** @file `wgsam doctor`: checks whether this machine can run wgsam, and says what to install if it cannot. */
import { isSoftwareAdapter } from '../../engine/device/software-adapter'
import type { MatrixUnits } from '../../engine/device/matrix-units'
import { chooseCardOfTask } from '../host/choose-card'
import { adapterName } from '../host/dawn'
import { openDevice } from '../host/device'
import { LIMITS, OPTIONAL_FEATURES, unmetLimits } from '../host/device-needs'
import { type AdapterWithUnits, engineOf, findAdapterWithUnits } from '../host/gpu'
import type { MatrixOutcome } from '../host/matrix-probe'
import { cacheFolder } from '../host/cache-folder'
import { amount } from '../host/progress'
import { matrixSelfTest, selfTest, type SelfTest } from '../host/selftest'
import { installSwiftShader } from '../host/swiftshader'
import { advice, inspectSystem, type System } from '../host/machine'
import type { Command } from '../cli/command'
import { flag, text } from '../cli/options'
import { messageOf } from '../host/errors'

interface Report {
  usable: boolean
  problems: string[]
  advice: string[]
  adapter: { name: string; vendor: string; architecture: string; device: string; api: string; software: boolean } | null
  limits: Record<string, number>
  /** Whether the adapter has each optional feature. */
  features: Record<string, boolean>
  subgroupSizes: [number, number] | null
  /** The matrix units that kernels use, or why there are none. Tried again by each `wgsam doctor`. */
  matrixUnits: (MatrixOutcome & { units: MatrixUnits | null }) | null
  selfTest: SelfTest | null
  /** The same on matrix units with operands rounded to f16; null without matrix units. */
  selfTestHigh: SelfTest | null
  cache: string
  system: System
}

const API: Partial<Record<NodeJS.Platform, string>> = { darwin: 'Metal', win32: 'Direct3D 12', linux: 'Vulkan' }

async function examine(name: string | undefined, install: boolean): Promise<Report> {
  const system = await inspectSystem()
  const report: Report = {
    usable: false,
    problems: [],
    advice: [],
    adapter: null,
    limits: {},
    features: {},
    subgroupSizes: null,
    matrixUnits: null,
    selfTest: null,
    selfTestHigh: null,
    cache: cacheFolder(),
    system,
  }
  if (parseInt(process.versions.node) < 20)
    report.problems.push(`Node ${process.versions.node} is too old: wgsam needs 20 or later`)
  try {
    await chooseCardOfTask()
    const find = () => findAdapterWithUnits({ adapter: name }, { again: true })
    let found = await find()
    if (!found && install) {
      console.error('no adapter found: downloading SwiftShader from the npm registry')
      await installSwiftShader()
      found = await find()
    }
    if (found) await examineAdapter(found, report)
    else report.problems.push('no WebGPU adapter found')
  } catch (error) {
    report.problems.push(messageOf(error))
  }
  report.usable = report.problems.length === 0
  if (!report.adapter && !name) report.advice = advice(system)
  return report
}

async function examineAdapter({ adapter, matrixUnits }: AdapterWithUnits, report: Report): Promise<void> {
  const { info, limits } = adapter
  report.adapter = {
    name: adapterName(adapter),
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    api: API[process.platform] ?? 'Vulkan',
    software: isSoftwareAdapter(info),
  }
  for (const limit of LIMITS) report.limits[limit] = limits[limit]
  for (const feature of OPTIONAL_FEATURES) report.features[feature] = adapter.features.has(feature)
  if (report.features.subgroups) report.subgroupSizes = [info.subgroupMinSize ?? 0, info.subgroupMaxSize ?? 0]
  report.problems.push(...unmetLimits(adapter))
  if (report.problems.length) return
  const device = await openDevice(adapter, !matrixUnits.attention)
  const engine = engineOf(device)
  report.matrixUnits = { ...matrixUnits, units: engine.matrixUnits }
  report.selfTest = await selfTest(engine)
  if (engine.matrixUnits) report.selfTestHigh = await matrixSelfTest(engineOf(device, 'high'))
  engine.destroy()
  if (report.selfTestHigh && !report.selfTestHigh.ok)
    report.problems.push(
      `the self-test on matrix units gives wrong results (relative error ${report.selfTestHigh.error.toExponential(1)}): set WGSAM_MATRIX_UNITS=off, or update the driver`,
    )
  if (!report.selfTest.ok)
    report.problems.push(
      `the self-test's results are wrong (relative error ${report.selfTest.error.toExponential(1)}): this driver cannot be relied on; update it`,
    )
}

function print({
  adapter,
  limits,
  features,
  subgroupSizes,
  matrixUnits,
  selfTest,
  selfTestHigh,
  ...report
}: Report): void {
  const row = (name: string, value: string) => console.log(`${name.padEnd(20)} ${value}`)
  if (adapter) {
    row('adapter', `${adapter.name}${adapter.software ? ' (software: runs on the processor)' : ''}`)
    row('interface', `WebGPU (Dawn) on ${adapter.api}`)
    row('largest binding', amount(limits.maxStorageBufferBindingSize, 'bytes'))
    row('largest buffer', amount(limits.maxBufferSize, 'bytes'))
    row('storage buffers', `${limits.maxStorageBuffersPerShaderStage} per kernel`)
    row(
      'workgroup',
      `${limits.maxComputeInvocationsPerWorkgroup} invocations, ${amount(limits.maxComputeWorkgroupStorageSize, 'bytes')}`,
    )
    for (const [name, present] of Object.entries(features)) {
      const sizes = name === 'subgroups' && subgroupSizes ? `, size ${[...new Set(subgroupSizes)].join(' to ')}` : ''
      row(name, present ? `yes, enabled${sizes}` : 'no (optional)')
    }
  }
  if (matrixUnits) row('matrix units', matrixUnitsText(matrixUnits))
  if (selfTest) row('self-test', `${selfTestText(selfTest)} (a layer with LoRA, forward and backward)`)
  if (selfTestHigh) row('  in precision high', selfTestText(selfTestHigh))
  row(
    'system',
    [report.system.os.name || report.system.platform, report.system.arch, `Node ${report.system.node}`].join(', '),
  )
  if (report.system.gpus.length) row('GPUs on the bus', report.system.gpus.join(', '))
  row('cache folder', report.cache)
  for (const problem of report.problems) console.log(`\nproblem: ${problem}`)
  if (report.advice.length) console.log('\nwhat to do:')
  for (const step of report.advice) console.log(`  - ${step}`)
  console.log(report.usable ? '\nthis machine can run wgsam' : '\nthis machine cannot run wgsam yet')
}

const selfTestText = ({ ok, error, milliseconds }: SelfTest) =>
  `${ok ? 'passed' : 'FAILED'}: relative error ${error.toExponential(1)}, ${Math.round(milliseconds)} ms`

function matrixUnitsText({ units, why, attention }: NonNullable<Report['matrixUnits']>): string {
  if (!units) return `not used: ${why}`
  const except = attention && `; not for attention: ${attention}`
  return `yes, tried and enabled: f16 products with f32 sums, ${units.m}x${units.n}x${units.k}, subgroups of ${units.subgroupSize}${except}`
}

export const command: Command = {
  name: 'doctor',
  summary: 'check the GPU adapter, driver and limits, run a self-test, and say what to install',
  usage: '[options]',
  options: {
    adapter: { type: 'string', value: 'name', description: 'check the adapter with this in its name' },
    install: {
      type: 'boolean',
      description:
        'if no adapter is found, download SwiftShader, a software adapter, into the cache folder (Linux on x86-64)',
    },
    json: { type: 'boolean', description: 'print one JSON object' },
  },
  details:
    'The exit code is 0 if wgsam can run on this machine, otherwise 1. Matrix units are tried again; ' +
    'the environment variable WGSAM_MATRIX_UNITS=off turns them off for all commands.',
  async run(values) {
    const report = await examine(text(values, 'adapter'), flag(values, 'install'))
    if (flag(values, 'json')) console.log(JSON.stringify(report, null, 2))
    else print(report)
    return report.usable ? 0 : 1
  },
}
