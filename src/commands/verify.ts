/** @file `wgsam verify`: compares the engine's results on this adapter with golden tensors or golden masks. */
import type { Engine } from '../../engine/device/engine'
import type { Precision } from '../../engine/device/precision'
import { STORAGES, type StorageType } from '../../engine/device/tensor'
import { openEngine } from '../host/gpu'
import { computeGolden, openGolden, relativeError } from '../verify'
import {
  type GeneratorGolden,
  describeComparison,
  generatorGoldens,
  verifyGenerator,
} from '../verify/reference-generator'
import { writeSafetensors } from '../weights/safetensors-writer'
import { Progress } from '../host/progress'
import { UserError } from '../host/errors'
import type { Command } from '../cli/command'
import { choice, flag, number, text } from '../cli/options'
import { chosenPrecision, precisionOption } from './options/precision'

export const command: Command = {
  name: 'verify',
  summary: 'compare results computed on this adapter with stored reference results (golden files)',
  usage: 'PATH/NAME [--storage f16] [--out FILE.safetensors]',
  positionals: [0, 1],
  options: {
    golden: {
      type: 'string',
      value: 'PATH/NAME',
      description:
        'same as the argument PATH/NAME, which stands for NAME.json, NAME.golden.safetensors and NAME.pth (or the ' +
        '"checkpoint" named in NAME.json)',
    },
    out: {
      type: 'string',
      value: 'FILE',
      description: 'safetensors file to write the computed tensors to, under the names of the golden tensors',
    },
    tolerance: {
      type: 'string',
      value: 'X',
      description:
        'maximum relative error ‖a−b‖/‖b‖ (default 1e-4; 1e-2 with --storage f16, and with --matmul-precision high on matrix units)',
    },
    storage: {
      type: 'string',
      value: 'TYPE',
      default: 'f32',
      description: 'f16: store weights, and activations kept for the backward pass, as f16, as training can',
    },
    ...precisionOption,
    json: { type: 'boolean', description: 'print the errors as JSON' },
  },
  details: `The exit code is 1 if a tensor exceeds the tolerance, contains NaN or was not computed.

A JSON file with "params" and "records" contains golden masks of the automatic mask generator: at least 97 % of the golden
records must match a computed one, and the reverse (IoU >= 0.95, predicted_iou and stability_score within 0.01). If PATH/NAME
is a folder, all such files in it are compared.

  wgsam verify golden/files/toy_vit`,
  async run(values, [path]) {
    const base = path ?? text(values, 'golden')
    if (!base) throw new UserError('wgsam verify needs PATH/NAME of golden tensors or masks')
    const goldens = await generatorGoldens(base)
    const precision = chosenPrecision(values)
    if (goldens.length) return verifyMasks(goldens, precision, flag(values, 'json'))
    const storage = choice(values, 'storage', STORAGES)
    const engine = await openEngine({ precision })
    const tolerance = number(values, 'tolerance', { min: 0 }) ?? usualTolerance(engine, storage)
    const golden = await openGolden(engine, base, storage)
    const computed = await computeGolden(engine, golden)
    const results = [...computed].map(([name, { data }]) => {
      const error = relativeError(data, golden.tensors.get(name)!.data)
      return { name, error, ok: error <= tolerance }
    })
    const inputs = /^(images|points|labels|boxes|mask_input|target|image|.*\.[AB][qv])$/
    const missing = [...golden.tensors.keys()].filter((name) => !inputs.test(name) && !computed.has(name))
    const out = text(values, 'out')
    if (out)
      await writeSafetensors(
        out,
        [...computed].map(([name, tensor]) => ({ name, ...tensor })),
      )
    const passed = !missing.length && results.length > 0 && results.every((r) => r.ok)
    if (flag(values, 'json')) console.log(JSON.stringify({ passed, tolerance, results, missing }, null, 1))
    else {
      for (const { name, error, ok } of results)
        console.log(`${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(40)} ${error.toExponential(2)}`)
      for (const name of missing) console.log(`FAIL ${name.padEnd(40)} not computed`)
      const worst = results.reduce((w, r) => (r.error <= w.error ? w : r), results[0] ?? { name: '-', error: NaN })
      console.log(
        `${passed ? 'all' : 'not all'} within ${tolerance}; largest: ${worst.name} ${worst.error.toExponential(2)}`,
      )
    }
    engine.destroy()
    return passed ? 0 : 1
  },
}

/** `high` rounds operands to 11 bits, f16 storage kept activations to as many. */
const usualTolerance = ({ precision, matrixUnits }: Engine, storage: StorageType | undefined): number =>
  storage === 'f16' || (precision === 'high' && matrixUnits) ? 1e-2 : 1e-4

async function verifyMasks(goldens: readonly GeneratorGolden[], precision: Precision, json: boolean): Promise<number> {
  const engine = await openEngine({ precision })
  const results = []
  for (const golden of goldens) {
    const progress = new Progress(golden.path, undefined, { unit: 'points' })
    const result = await verifyGenerator(engine, golden, (done, total) => progress.update(done, '', total))
    results.push({ file: golden.path, ...result })
    if (!json) console.log(describeComparison(golden, result))
  }
  engine.destroy()
  const passed = results.every((r) => r.passed)
  if (json) console.log(JSON.stringify({ passed, results }, null, 1))
  return passed ? 0 : 1
}
