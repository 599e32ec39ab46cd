/** @file Prepares TinyViT's weights for inference: folds every BatchNorm into its convolution and unifies a name. */
import { UserError } from '../host/errors'
import { type TensorEntry, sameShape } from './tensor-file'

const EPS = 1e-5
const parts = ['weight', 'bias', 'running_mean', 'running_var'] as const

/**
 * Replaces `<module>.c.weight` and `<module>.bn.*` by `<module>.weight` and `<module>.bias` of the equivalent convolution
 * (eps 1e-5), and renames `attention_biases` (heads, window²), stored by (|dy|, |dx|), to `attention_bias_table`.
 * @param path the file, for error messages
 * @throws UserError naming the file and the tensor, if a BatchNorm is incomplete
 */
export function foldBatchNorms(path: string, tensors: ReadonlyMap<string, TensorEntry>): Map<string, TensorEntry> {
  const out = new Map<string, TensorEntry>()
  const add = (entry: TensorEntry) => out.set(entry.name, entry)
  for (const [name, entry] of tensors) {
    if (name.endsWith('.c.weight'))
      for (const fused of fold(path, tensors, name.slice(0, -'.c.weight'.length))) add(fused)
    else if (name.endsWith('.attn.attention_biases')) add({ ...entry, name: name.replace(/biases$/, 'bias_table') })
    else if (!isOfBatchNorm(name, tensors)) add(entry)
  }
  return out
}

const isOfBatchNorm = (name: string, tensors: ReadonlyMap<string, TensorEntry>) => {
  const at = name.lastIndexOf('.bn.')
  return at >= 0 && tensors.has(`${name.slice(0, at)}.c.weight`)
}

function fold(path: string, tensors: ReadonlyMap<string, TensorEntry>, module: string): TensorEntry[] {
  const conv = tensors.get(`${module}.c.weight`)!
  const norm = parts.map((part) => {
    const entry = tensors.get(`${module}.bn.${part}`)
    if (!entry) throw new UserError(`${path}: tensor ${module}.bn.${part} is missing`)
    if (!sameShape(entry.shape, conv.shape.slice(0, 1)))
      throw new UserError(
        `${path}: tensor ${module}.bn.${part}: its shape is ${entry.shape} instead of ${conv.shape[0]}`,
      )
    return entry
  })
  const [gamma, beta, mean, variance] = norm
  const gain = async () => {
    const [g, v] = await Promise.all([gamma.read(), variance.read()])
    return Float64Array.from(g, (x, i) => x / Math.sqrt(v[i] + EPS))
  }
  const weight = async () => {
    const [data, scale] = await Promise.all([conv.read(), gain()])
    const row = data.length / scale.length
    return data.map((x, i) => x * scale[Math.floor(i / row)])
  }
  const bias = async () => {
    const [b, m, scale] = await Promise.all([beta.read(), mean.read(), gain()])
    return b.map((x, i) => x - m[i] * scale[i])
  }
  return [
    { name: `${module}.weight`, shape: conv.shape, dtype: conv.dtype, read: weight },
    { name: `${module}.bias`, shape: beta.shape, dtype: beta.dtype, read: bias },
  ]
}
