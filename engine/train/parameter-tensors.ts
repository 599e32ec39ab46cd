/** @file The state of trained parameters as named tensors, as checkpoints store it. */
import type { ParameterState } from './parameters'

/** The parts of a parameter; a training without a moving average has no `average`. */
const PARTS = ['values', 'm', 'v', 'average'] as const

interface NamedTensor {
  name: string
  shape: number[]
  data: Float32Array
}

/** A tensor `NAME.values`, `NAME.m`, `NAME.v` and, with a moving average, `NAME.average` for each parameter. */
export const parameterTensors = (parameters: readonly ParameterState[]): NamedTensor[] =>
  parameters.flatMap(({ name, shape, ...data }) =>
    PARTS.flatMap((part) => {
      const values = data[part]
      return values ? [{ name: `${name}.${part}`, shape: [...shape], data: values }] : []
    }),
  )

/** The reverse of parameterTensors. @throws Error if a part of a parameter is missing, or has another shape than its values */
export function gatherParameters(tensors: readonly NamedTensor[]): ParameterState[] {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const names = [...byName.keys()].filter((name) => name.endsWith('.values')).map((name) => name.slice(0, -7))
  const averaged = tensors.some(({ name }) => name.endsWith('.average'))
  if (tensors.length !== (averaged ? 4 : 3) * names.length) throw new Error('parameters and moments do not match')
  return names.map((name) => {
    const [values, m, w, average] = PARTS.map((part) => byName.get(`${name}.${part}`))
    if (!values || !m || !w || (averaged && !average)) throw new Error(`the moments of ${name} are missing`)
    if ([m, w, average ?? values].some(({ shape }) => shape.join() !== values.shape.join()))
      throw new Error(`the moments of ${name} do not fit`)
    const state = { name, shape: values.shape, values: values.data, m: m.data, v: w.data }
    return average ? { ...state, average: average.data } : state
  })
}
