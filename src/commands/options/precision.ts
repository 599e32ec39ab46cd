/** @file The option that chooses the precision of matrix products and attention. */
import { DEFAULT_PRECISION, type Precision, PRECISIONS } from '../../../engine/device/precision'
import { choice, type Option, type Values } from '../../cli/options'

/** Its description. `use` decides the default. */
export const matmulPrecisionHelp = (use: keyof typeof DEFAULT_PRECISION): string =>
  'precision of matrix products on GPUs with matrix units: highest (as accurate as f32), or high (operands rounded to 11 ' +
  `bits, as by TF32; faster); elsewhere both are f32 (default ${DEFAULT_PRECISION[use]})`

export const precisionOption: Record<string, Option> = {
  'matmul-precision': { type: 'string', value: 'NAME', description: matmulPrecisionHelp('inference') },
}

/** @throws UserError for an unknown precision */
export const chosenPrecision = (values: Values): Precision =>
  choice(values, 'matmul-precision', PRECISIONS) ?? DEFAULT_PRECISION.inference
