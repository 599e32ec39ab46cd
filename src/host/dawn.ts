/** @file Dawn's instances and adapters: what its Node bindings need, and nothing of what wgsam does with them. */
import { messageOf, UserError } from './errors'
import { filterNativeStderr } from './native-stderr'
import { useSwiftShader } from './swiftshader'

/**
 * Dawn's instances, never released: if the object returned by create() is garbage-collected, the process crashes, even
 * if its adapters and devices are still in use.
 */
const instances: GPU[] = []

export interface AdapterChoice {
  /** Arguments of Dawn's create(), e.g. ['enable-dawn-features=allow_unsafe_apis']. Those in WGSAM_TOGGLES are added. */
  toggles?: readonly string[]
  /** Part of the adapter's name. Default: WGSAM_ADAPTER. */
  adapter?: string
}

/**
 * Arguments of create() with at most one of each name: Dawn takes only one, so lists of features are joined, and of other
 * arguments the last one counts.
 */
export function joinToggles(toggles: readonly string[]): string[] {
  const joined = new Map<string, string>()
  for (const toggle of toggles) {
    const [, name, value] = /^([^=]*)=?(.*)$/s.exec(toggle)!
    const before = name.endsWith('dawn-features') ? joined.get(name) : undefined
    joined.set(name, before ? `${before},${value}` : value)
  }
  return [...joined].map(([name, value]) => (value ? `${name}=${value}` : name))
}

/**
 * Dawn's preferred adapter (a discrete GPU before an integrated one before a processor), or else SwiftShader if
 * `wgsam doctor --install` has installed it in the cache folder. Null if there is neither.
 * @throws UserError if no adapter has the requested name, or Dawn's library cannot be loaded
 */
export async function requestAdapter(choice: AdapterChoice = {}): Promise<GPUAdapter | null> {
  // imported here because --help and the advice of doctor must work even if Dawn's library cannot be loaded
  const { create, globals } = await import('webgpu').catch((error: Error) => {
    throw new UserError(`the WebGPU library Dawn cannot be loaded on this machine: ${error.message}`)
  })
  Object.assign(globalThis, globals)
  const toggles = [...(choice.toggles ?? []), ...(process.env.WGSAM_TOGGLES?.split(/\s+/).filter(Boolean) ?? [])]
  const name = choice.adapter ?? process.env.WGSAM_ADAPTER
  if (name) toggles.push(`adapter=${name}`)
  const ask = async () => {
    const gpu = create(joinToggles(toggles))
    instances.push(gpu)
    try {
      return await filterNativeStderr(() => gpu.requestAdapter({ powerPreference: 'high-performance' }))
    } catch (error) {
      // Dawn throws if no adapter has the requested name
      if (name) refusal = messageOf(error)
      else throw error
      return null
    }
  }
  let refusal = ''
  const adapter = (await ask()) ?? (useSwiftShader() ? await ask() : null)
  if (!adapter && name) throw new UserError(`no WebGPU adapter has "${name}" in its name; ${refusal}`)
  return adapter
}

/** The adapter's name as reported by its driver. */
export function adapterName({ info }: GPUAdapter): string {
  return (
    info.description || info.device || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'unnamed adapter'
  )
}

/** Identifies an adapter and its driver, by all names that it reports. */
export function adapterKey({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  return [vendor, architecture, device, description].filter(Boolean).join(' / ')
}
