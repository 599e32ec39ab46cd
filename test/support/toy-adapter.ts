/** @file A random adapter of a model's q, v and other layers, with a prompt head, made without a GPU. */
import type { Architecture } from '../../engine/sam/architecture'
import { newPromptHead } from '../../engine/sam/prompt-head'
import type { LoraPair } from '../../engine/train/adapter'
import { Rng } from '../../engine/rng'
import type { AdapterContent } from '../../src/weights/adapter-content'
import { expectedTensors } from '../../src/weights/expected-tensors'

/** @param targets the ends of the paths of the layers that it adapts */
export function toyAdapter(architecture: Architecture, targets = ['q', 'v', 'proj']): Required<AdapterContent> {
  const rng = new Rng(3)
  const values = (length: number) => Float32Array.from({ length }, () => rng.range(-0.2, 0.2))
  const pairs = new Map<string, LoraPair>()
  for (const [name, shape] of expectedTensors(architecture)) {
    const layer = /^(image_encoder\..*\.attn)\.(qkv|proj)\.weight$/.exec(name)
    if (!layer) continue
    const parts = layer[2] === 'qkv' ? ['q', 'k', 'v'] : ['proj']
    for (const part of parts.filter((one) => targets.includes(one))) {
      const [outDim, inDim] = [shape[0] / parts.length, shape[1]]
      pairs.set(`${layer[1]}.${part}`, { r: 4, inDim, outDim, A: values(4 * inDim), B: values(4 * outDim) })
    }
  }
  const config = { r: 4, lora_alpha: 8, use_rslora: false, base_model_name_or_path: 'toy' }
  return {
    name: 'the adapter',
    adapter: { config, tensors: { targets: pairs } },
    head: newPromptHead(architecture.outChannels, new Rng(4)),
    profile: { size: 48 },
  }
}
