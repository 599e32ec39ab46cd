/** @file One server a folder: two would write the same logs. */
import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { UserError } from '../errors'

interface Owner {
  pid: number
  host: string
}

/** The locks of this process. */
const held = new Set<string>()

/**
 * Takes the lock file; a lock whose program has ended is taken over.
 * @returns gives it back
 * @throws UserError where another program holds it
 */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  const refuse = (error: Error): never => {
    throw new UserError(`cannot write ${path}: ${error.message}`)
  }
  await mkdir(dirname(path), { recursive: true }).catch(refuse)
  const mine = JSON.stringify({ pid: process.pid, host: hostname() } satisfies Owner)
  for (let attempt = 0; ; attempt++) {
    try {
      const file = await open(path, 'wx')
      await file.writeFile(mine)
      await file.close()
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') refuse(error as Error)
      const owner = await readOwner(path)
      if (attempt > 3 || (owner && isAlive(owner, path)))
        throw new UserError(
          `another \`wgsam review\` has this folder open${owner ? ` (process ${owner.pid} on ${owner.host})` : ''}: ` +
            `end it first; if it is gone, delete ${path}`,
        )
      // an empty lock may be one that another program is about to fill
      if (!owner && attempt < 2) await new Promise((resolve) => setTimeout(resolve, 100))
      else await rm(path, { force: true })
    }
  }
  // of two that took a dead one's lock over at once, one finds the other's name here
  if ((await readFile(path, 'utf8').catch(() => '')) !== mine)
    throw new UserError(`another \`wgsam review\` has just opened this folder; ${path} is its lock`)
  held.add(path)
  return async () => {
    held.delete(path)
    if ((await readFile(path, 'utf8').catch(() => '')) === mine) await rm(path, { force: true })
  }
}

async function readOwner(path: string): Promise<Owner | null> {
  try {
    const { pid, host } = JSON.parse(await readFile(path, 'utf8'))
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
