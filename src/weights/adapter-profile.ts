/** @file What an adapter knows about itself, in the folder of the adapter. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { type AdapterProfile, parseProfile, PROFILE, profileText } from './adapter-profile-format'

export type { AdapterProfile, StoredCalibration, StoredThresholds } from './adapter-profile-format'

/** The profile in an adapter's folder; {} if it has none. @throws UserError if the file is damaged or of a later version */
export async function readAdapterProfile(folder: string): Promise<AdapterProfile> {
  const path = join(folder, PROFILE)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw new UserError(`cannot read ${path}: ${messageOf(error, path)}`)
  })
  return text === null ? {} : parseProfile(path, text)
}

/** Replaces some parts of an adapter's profile and keeps the others. */
export async function updateAdapterProfile(folder: string, parts: AdapterProfile): Promise<void> {
  const profile = { ...(await readAdapterProfile(folder)), ...parts }
  await writeFileAtomic(join(folder, PROFILE), profileText(profile))
}
