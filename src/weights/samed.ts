/**
 * @file Reads LoRA files of SAMed and Sam_LoRA: `w_a_000`, `w_b_000`, ... for q and v, block by block; their scale is
 * 1. It runs in any host.
 */
import { UserError } from '../host/errors'
import type { Adapter, LoraPair } from '../../engine/train/adapter'
import { readPair } from './adapter'
import type { ByteSource } from './byte-source'
import { describeAdapter } from './describe-adapter'
import { openTensorFile } from './open-source'

/**
 * Reads such a file, .pth or .safetensors.
 * @throws UserError also if it holds more than LoRA matrices: SAMed's own files contain a tuned mask decoder, and
 * ignoring it silently would change the model's results
 */
export async function readSamed(source: ByteSource): Promise<Adapter> {
  const { name: path } = source
  const { raw: file } = await openTensorFile([source])
  try {
    // a training script may have put them into a dictionary of its checkpoint
    const [, prefix = ''] = [...file.tensors.keys()].map((name) => /^(.*\.)?w_a_\d{3,}$/.exec(name)).find(Boolean) ?? []
    const names = [...file.tensors.keys()].flatMap((name) =>
      name.startsWith(prefix) ? [name.slice(prefix.length)] : [],
    )
    const count = names.filter((name) => /^w_a_\d{3,}$/.test(name)).length
    if (!count) throw new UserError(`${path}: ${describeAdapter([...file.tensors.keys()])}`)
    if (count % 2)
      throw new UserError(
        `${path}: not a LoRA file of SAMed or Sam_LoRA (it has ${count} tensors w_a_..., an odd number)`,
      )
    const others = names.filter((name) => !/^w_[ab]_\d{3,}$/.test(name))
    if (others.length)
      throw new UserError(
        `${path}: it holds ${others.length} tensors beside the LoRA matrices (${others[0]}, ...), a tuned decoder perhaps: ` +
          'wgsam reads adapters alone. Put those into a checkpoint, and the w_a_... and w_b_... into a separate file.',
      )
    const targets = new Map<string, LoraPair>()
    for (let i = 0; i < count; i++) {
      const number = String(i).padStart(3, '0')
      const [a, b] = ['a', 'b'].map((letter) => {
        const entry = file.tensors.get(`${prefix}w_${letter}_${number}`)
        if (!entry) throw new UserError(`${path}: tensor w_${letter}_${number} is missing`)
        return entry
      })
      targets.set(`image_encoder.blocks.${i >> 1}.attn.${i % 2 ? 'v' : 'q'}`, await readPair(path, a, b))
    }
    const [{ r }] = targets.values()
    for (const [target, pair] of targets)
      if (pair.r !== r) throw new UserError(`${path}: ${target} has rank ${pair.r}, others ${r}`)
    const config = { r, lora_alpha: r, use_rslora: false, base_model_name_or_path: null }
    return { config, tensors: { targets }, blocks: count / 2 }
  } finally {
    await file.close()
  }
}
