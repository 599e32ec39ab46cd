/** @file One program a folder: two would write the same files. */
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { messageOf, UserError } from './errors'
import { partialPath } from './files'

interface Owner {
  pid: number
  host: string
}

/** The locks of this process. */
const held = new Set<string>()

/** Milliseconds after which a guard was left by a program that was killed: it is held for a few. */
const GUARD_AGE = 10_000

/**
 * Takes the lock file; a lock whose program has ended is taken over.
 * @param program how the programs are called that take it
 * @returns gives it back
 * @throws UserError where another program holds it
 */
export async function takeLock(path: string, program: string): Promise<() => Promise<void>> {
  const mine = JSON.stringify({ pid: process.pid, host: hostname() } satisfies Owner)
  try {
    mkdirSync(dirname(path), { recursive: true })
    for (let attempt = 0; !create(path, mine); attempt++) {
      const found = read(path)
      if (found === null) continue // given back just now
      const owner = ownerOf(found)
      if ((owner && isAlive(owner, path)) || attempt > 100)
        throw new UserError(
          `another \`${program}\` has this folder open${owner ? ` (process ${owner.pid} on ${owner.host})` : ''}: ` +
            `end it first; if it is gone, delete ${path}`,
        )
      if (!removeStale(path, found)) await new Promise((resolve) => setTimeout(resolve, 50))
    }
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(`cannot write ${path}: ${messageOf(error)}`)
  }
  held.add(path)
  return async () => {
    held.delete(path)
    if (read(path) === mine) rmSync(path, { force: true })
  }
}

/** Whether the file is new: of several programs that try, one succeeds. It is never seen empty: it is written beside and linked. */
function create(path: string, text: string): boolean {
  const beside = partialPath(path)
  try {
    writeFileSync(beside, text)
    linkSync(beside, path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS') return createUnlinked(path, text)
    throw error
  } finally {
    rmSync(beside, { force: true })
  }
}

/** The same where the file system has no links. */
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
 * Removes a lock that still holds what was found in it. Of several programs that find it one does so at a time: without
 * the guard the slower would remove the lock that the faster has taken since.
 * @returns false where another program is about it
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

/** A program on another machine that shares the folder cannot be asked: it counts as alive. */
function isAlive({ pid, host }: Owner, path: string): boolean {
  if (host !== hostname()) return true
  if (pid === process.pid) return held.has(path) // else of an earlier start of the machine or container
  return isRunning(pid)
}

/** Whether a program of this machine runs. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
