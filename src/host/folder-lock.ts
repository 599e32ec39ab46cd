/** @file Locks a folder for one program at a time, so that two do not write the same files. */
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { cannotWrite, UserError } from './errors'
import { isRunning, makeFolder, partialPath } from './files'

/** Another program has the folder open. */
export class LockedError extends UserError {}

interface Owner {
  pid: number
  host: string
}

/** Paths of the locks that this process holds. */
const held = new Set<string>()

/** Age in milliseconds after which a guard is stale. Guards are held for a few milliseconds. */
const GUARD_AGE = 10_000

/**
 * Acquires the lock file. A lock whose process has ended is replaced.
 * @param program the command that uses this lock, for the error message
 * @returns a function that releases the lock
 * @throws UserError if another process holds the lock, or the file cannot be written
 */
export async function takeLock(path: string, program: string): Promise<() => Promise<void>> {
  const mine = JSON.stringify({ pid: process.pid, host: hostname() } satisfies Owner)
  try {
    await makeFolder(dirname(path))
    for (let attempt = 0; !create(path, mine); attempt++) {
      const found = read(path)
      if (found === null) continue // released in the meantime
      const owner = ownerOf(found)
      if ((owner && isAlive(owner, path)) || attempt > 100)
        throw new LockedError(
          `another \`${program}\` has this folder open${owner ? ` (process ${owner.pid} on ${owner.host})` : ''}: ` +
            `end it first; if it is gone, delete ${path}`,
        )
      if (!removeStale(path, found)) await new Promise((resolve) => setTimeout(resolve, 50))
    }
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(cannotWrite(path, error))
  }
  held.add(path)
  return async () => {
    held.delete(path)
    if (read(path) === mine) rmSync(path, { force: true })
  }
}

/** True if a process that runs holds the lock. */
export function isLocked(path: string): boolean {
  const owner = ownerOf(read(path) ?? '')
  return owner !== null && isAlive(owner, path)
}

/**
 * Creates a file that must not exist; false if it does. Only one of several processes succeeds. The file is written under
 * a temporary name and linked, so that no process sees it empty.
 */
function create(path: string, text: string): boolean {
  const partial = partialPath(path)
  try {
    writeFileSync(partial, text)
    linkSync(partial, path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS') return createUnlinked(path, text)
    throw error
  } finally {
    rmSync(partial, { force: true })
  }
}

/** The same for file systems without hard links. */
function createUnlinked(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/**
 * Removes a stale lock, provided that its content is still `found`. A guard file lets only one process do this at a time:
 * otherwise a slower one could remove the lock that a faster one has acquired since.
 * @returns false if another process holds the guard
 */
function removeStale(path: string, found: string): boolean {
  const guard = `${path}.guard`
  if (!create(guard, '')) {
    const { mtimeMs } = statSync(guard, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() }
    if (Date.now() - mtimeMs > GUARD_AGE) rmSync(guard, { force: true })
    return false
  }
  try {
    if (read(path) === found) rmSync(path)
  } finally {
    rmSync(guard, { force: true })
  }
  return true
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function ownerOf(text: string): Owner | null {
  try {
    const { pid, host } = JSON.parse(text)
    return Number.isInteger(pid) && pid > 0 && typeof host === 'string' ? { pid, host } : null
  } catch {
    return null
  }
}

/** A process on another machine that shares the folder cannot be checked, and counts as alive. */
function isAlive({ pid, host }: Owner, path: string): boolean {
  if (host !== hostname()) return true
  if (pid === process.pid) return held.has(path) // otherwise the id was reused after a restart of the machine or container
  return isRunning(pid)
}
