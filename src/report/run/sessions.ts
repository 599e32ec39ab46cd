/** @file The sessions of a run: their beginning, machine and command, in sessions.json in its folder. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { writeFileAtomic } from '../../host/files'

/** Only the last sessions are kept. */
const MAX_SESSIONS = 100

const Machine = v.object({
  adapter: v.string(),
  driver: v.string(),
  software: v.boolean(),
  products: v.optional(v.string()),
  processor: v.string(),
  system: v.string(),
  versions: v.string(),
})
const SessionSchema = v.object({ began: v.string(), command: v.string(), hardware: Machine })
export type RunSession = v.InferOutput<typeof SessionSchema>

const fileOf = (root: string) => join(root, 'sessions.json')

/** Oldest first; empty if there are none. @throws Error if the file is damaged */
export async function readSessions(root: string): Promise<RunSession[]> {
  const text = await readFile(fileOf(root), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '[]'
    throw error
  })
  return v.parse(v.array(SessionSchema), JSON.parse(text))
}

/** Adds a session. A damaged file is replaced. */
export async function addSession(root: string, session: RunSession): Promise<void> {
  const before = await readSessions(root).catch(() => [])
  await writeFileAtomic(fileOf(root), JSON.stringify([...before, session].slice(-MAX_SESSIONS), null, 1) + '\n')
}
