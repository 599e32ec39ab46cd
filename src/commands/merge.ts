/** @file `wgsam merge`: an adapter into its model's weights. */
import { statSync } from 'node:fs'
import { UserError } from '../host/errors'
import { amount, Progress } from '../host/progress'
import { mergeModel } from '../model/merge-adapter'
import { readConfigFile } from '../training/config'
import { readAnyAdapter } from '../weights/any-adapter'
import type { Command } from '../cli/command'
import { flag, text } from '../cli/options'
import { locateModel } from '../weights/locate-model'

export const command: Command = {
  name: 'merge',
  summary: 'add an adapter to its model and write the whole as one checkpoint',
  usage: '--adapter DIR --out FILE.safetensors [--model NAME]',
  options: {
    adapter: { type: 'string', value: 'DIR', description: 'the adapter (a run’s best/ or last/)' },
    model: {
      type: 'string',
      value: 'NAME',
      description: 'named model or checkpoint (default: the one the adapter names)',
    },
    'model-config': { type: 'string', value: 'FILE', description: 'JSON of what a toy model’s shapes do not tell' },
    out: { type: 'string', value: 'FILE', description: 'the safetensors file to write' },
    fetch: { type: 'boolean', description: 'download the named model where it is not cached' },
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  details:
    'The file has the public reference’s names (MobileSAM’s for TinyViT) and opens wherever a checkpoint does:\n' +
    '  wgsam merge --adapter runs/one/best --out merged.safetensors\n  wgsam eval --model merged.safetensors --data DIR',
  async run(values) {
    const [adapter, out] = [text(values, 'adapter'), text(values, 'out')]
    if (!adapter) throw new UserError('wgsam merge needs --adapter DIR')
    if (!out) throw new UserError('wgsam merge needs --out FILE.safetensors')
    const name = text(values, 'model') ?? (await readAnyAdapter(adapter)).config.base_model_name_or_path
    if (!name) throw new UserError(`${adapter} does not name its model: say which with --model`)
    const toy = text(values, 'model-config')
    const model = await locateModel(name, flag(values, 'fetch'))
    const bar = new Progress('merging', undefined, { unit: 'tensors' })
    const { tensors, changed } = await mergeModel({
      model,
      adapter,
      out,
      config: toy && (await readConfigFile(toy)),
      onProgress: (done, total, tensor) => bar.update(done, tensor, total),
    })
    const bytes = statSync(out).size
    if (flag(values, 'json')) console.log(JSON.stringify({ out, bytes, tensors, changed }, null, 1))
    else console.log(`${out}: ${tensors} tensors, ${changed.length} of them changed, ${amount(bytes, 'bytes')}`)
  },
}
