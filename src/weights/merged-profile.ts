/**
 * @file What a merged checkpoint keeps of its adapter's profile: the text of wgsam.json, in the metadata of its safetensors file, which
 * other programs do not read. It runs in any host.
 */
import { type AdapterProfile, parseProfile, profileText } from './adapter-profile-format'

const KEY = 'wgsam'

/** The metadata of a merged checkpoint. */
export const mergedMetadata = (profile: AdapterProfile): Record<string, string> => ({
  format: 'pt',
  ...(Object.keys(profile).length && { [KEY]: profileText(profile) }),
})

/** The profile in a checkpoint's metadata; {} if it has none. @throws UserError if it is damaged or of a later version */
export const mergedProfile = (path: string, metadata: Record<string, string>): AdapterProfile =>
  Object.hasOwn(metadata, KEY) ? parseProfile(`${path}, metadata ${KEY}`, metadata[KEY]) : {}
