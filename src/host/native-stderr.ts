/**
 * @file Lines that a native library writes to stderr and that mean nothing to a person are left out. Dawn prints two on every software
 * adapter of Mesa while it looks for adapters, and has no switch for them.
 */
import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Limits of dynamic offsets, which wgsam does not use, are lowered from what the driver offers. */
const UNIMPORTANT =
  /^Warning: maxDynamic\w+ artificially reduced from \d+ to \d+ to fit dynamic offset allocation limit\.$/

/** Whether a line of stderr was written by a native library and means nothing to a person. */
export const isUnimportant = (line: string): boolean => UNIMPORTANT.test(line)

const STDERR = 2

/** Calls of the system's C library on file descriptors, which Node does not offer: each returns -1 if it fails. */
interface Descriptors {
  dup(fd: number): number
  dup2(from: number, to: number): number
}

/**
 * Runs `work`, which must not be asynchronous, and writes to stderr only those lines of native code that match nothing in
 * UNIMPORTANT. Meanwhile stderr is a temporary file. Done on Linux, where the lines are printed, and where the optional package koffi
 * is installed.
 * @throws whatever `work` throws
 */
export async function filterNativeStderr<T>(work: () => T): Promise<T> {
  const calls = process.platform === 'linux' ? await descriptors() : null
  const buffer = calls && redirect(calls)
  try {
    return work()
  } finally {
    buffer?.restore()
  }
}

async function descriptors(): Promise<Descriptors | null> {
  try {
    const { load } = await import('koffi')
    const program = load(null)
    return {
      dup: program.func('int dup(int)') as Descriptors['dup'],
      dup2: program.func('int dup2(int, int)') as Descriptors['dup2'],
    }
  } catch {
    return null
  }
}

function redirect({ dup, dup2 }: Descriptors): { restore(): void } | null {
  const path = join(tmpdir(), `wgsam-stderr-${process.pid}`)
  const kept = dup(STDERR)
  if (kept < 0) return null
  try {
    const fd = openSync(path, 'wx')
    dup2(fd, STDERR)
    closeSync(fd)
  } catch {
    // nowhere to write: the lines appear
    closeSync(kept)
    return null
  }
  return {
    restore() {
      dup2(kept, STDERR)
      closeSync(kept)
      const lines = readFileSync(path, 'utf8').split('\n')
      unlinkSync(path)
      const left = lines.filter((line) => line && !isUnimportant(line))
      if (left.length) writeSync(STDERR, `${left.join('\n')}\n`)
    },
  }
}
