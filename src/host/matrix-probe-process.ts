/**
 * @file The process that tries an adapter's matrix units: with some drivers it dies or hangs, so nothing else happens here.
 * Its argument is an AdapterChoice as JSON; it prints a ProbeReport as JSON.
 */
import { Engine } from '../../engine/device/engine'
import { findMatrixUnits, MATRIX_FEATURES } from '../../engine/device/matrix-units'
import { tryMatrixUnits } from '../../engine/device/try-matrix-units'
import { adapterKey, type AdapterChoice, requestAdapter } from './dawn'
import { openDevice } from './device'
import { messageOf } from './errors'
import { attentionSelfTest, matrixSelfTest } from './selftest'
import type { ProbeReport } from './matrix-probe'

async function probe(choice: AdapterChoice): Promise<ProbeReport> {
  const adapter = await requestAdapter(choice)
  if (!adapter) return { adapter: '', works: false, why: 'the adapter is not found with experimental features enabled' }
  const name = adapterKey(adapter.info)
  const no = (why: string): ProbeReport => ({ adapter: name, works: false, why })
  const lacking = MATRIX_FEATURES.filter((feature) => !adapter.features.has(feature))
  if (lacking.length) return no(`the driver does not offer ${lacking.join(', ')}`)
  const matrixUnits = findMatrixUnits(adapter.features, adapter.info)
  if (!matrixUnits) return no('they have no product of f16 with f32 sums of the shape that the kernels need')
  const device = await openDevice(adapter)
  const highest = new Engine(device, { matrixUnits })
  const wrong = await tryMatrixUnits(highest)
  if (wrong) return no(`a small product is wrong in ${wrong} places`)
  const high = new Engine(device, { matrixUnits, precision: 'high' })
  for (const engine of [highest, high]) {
    const { ok, error } = await matrixSelfTest(engine)
    if (!ok) return no(`products of precision ${engine.precision} have a relative error of ${error.toExponential(1)}`)
  }
  // attention has f32 kernels to fall back on alone
  const attention = await attentionSelfTest(high).then(
    ({ ok, error }) => (ok ? '' : `attention has a relative error of ${error.toExponential(1)}`),
    (error) => messageOf(error).split('\n')[0],
  )
  return { adapter: name, works: true, why: '', attention }
}

const report = await probe(JSON.parse(process.argv[2]) as AdapterChoice).catch((error): ProbeReport => ({
  adapter: '',
  works: false,
  why: messageOf(error).split('\n')[0],
}))
process.stdout.write(JSON.stringify(report), () => process.exit(0))
