/** @file When, on what and by which command a run was worked on: sessions.json in its folder. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { writeFileAtomic } from '../../host/files'

/** So many are kept, the last ones. */
const MOST = 100

const Machine = v.object({
  adapter: v.string(),
  driver: v.string(),
  software: v.boolean(),
  processor: v.string(),
  system: v.string(),
  versions: v.string(),
})
const SessionSchema = v.object({ began: v.string(), command: v.string(), hardware: Machine })
export type RunSession = v.InferOutput<typeof SessionSchema>

const fileOf = (root: string) => join(root, 'sessions.json')

/** Oldest first; empty where there are none. @throws Error where the file is damaged */
export async function readSessions(root: string): Promise<RunSession[]> {
  const text = await readFile(fileOf(root), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '[]'
    throw error
  })
  return v.parse(v.array(SessionSchema), JSON.parse(text))
}

/** Writes down that a session begins. A file that is damaged is begun anew. */
export async function noteSession(root: string, session: RunSession): Promise<void> {
  const before = await readSessions(root).catch(() => [])
  await writeFileAtomic(fileOf(root), JSON.stringify([...before, session].slice(-MOST), null, 1) + '\n')
}
