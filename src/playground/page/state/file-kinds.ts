/** @file What kind of file each of those is that a person drops: by their names, because weights are too large to look into first. */

const ADAPTER =
  /(^|\/)(adapter_config\.json|adapter_model\.(safetensors|bin)|prompt_head\.safetensors|wgsam\.json)$|\.zip$/i
const WEIGHTS = /\.(safetensors|pth|pt|bin|onnx|json)$/i

export interface SortedFiles<F extends { name: string }> {
  pictures: F[]
  weights: F[]
  adapter: F[]
}

/** Sorts files into images, the files of a model, and those of an adapter. Hidden files of a folder are left out. */
export function sortFiles<F extends { name: string }>(files: readonly F[]): SortedFiles<F> {
  const sorted: SortedFiles<F> = { pictures: [], weights: [], adapter: [] }
  const ofAdapter = files.some(({ name }) => /(^|\/)adapter_config\.json$/i.test(name))
  for (const file of files) {
    if (file.name.startsWith('.')) continue
    if (ADAPTER.test(file.name)) sorted.adapter.push(file)
    // a folder of an adapter may hold other files, such as its evaluation
    else if (WEIGHTS.test(file.name)) (ofAdapter ? [] : sorted.weights).push(file)
    else sorted.pictures.push(file)
  }
  return sorted
}
