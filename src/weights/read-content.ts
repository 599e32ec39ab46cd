/** @file What the folder of an adapter holds of a model's weights. */
import type { AdapterContent } from './adapter-content'
import { readAdapterProfile } from './adapter-profile'
import { readAnyAdapter } from './any-adapter'
import { adapterFolder } from './adapter-folder'
import { promptHeadOf } from './prompt-head-format'

/** Reads an adapter with its prompt head and its profile. @throws UserError that names the file and the tensor */
export async function readContent(path: string): Promise<AdapterContent> {
  const adapter = await readAnyAdapter(path)
  const head = await promptHeadOf(adapterFolder(path))
  const profile = await readAdapterProfile(path)
  return { name: path, adapter, head: [...(head?.tensors.values() ?? [])], profile }
}
