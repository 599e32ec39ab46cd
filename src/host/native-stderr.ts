/**
 * @file Lines that a native library writes to stderr and that mean nothing to a person are left out. Dawn prints two on every software
 * adapter of Mesa while it looks for adapters, and has no switch for them.
 */
import { closeSync, fstatSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Limits of dynamic offsets, which wgsam does not use, are lowered from what the driver offers. */
const UNIMPORTANT =
  /^Warning: maxDynamic\w+ artificially reduced from \d+ to \d+ to fit dynamic offset allocation limit\.$/

const STDERR = 2

/**
 * Runs `work`, which must not be asynchronous, and writes to stderr only those lines of native code that match nothing in
 * UNIMPORTANT. Node cannot redirect a descriptor, but a file that is opened gets the lowest one that is free: stderr is closed and a
 * temporary file opened in its place, and the other way round afterwards. Done on Linux, where the lines are printed, and where
 * stderr is a terminal, or a file of its own: of one that stdout writes too they share the position. A pipe may have no reader any
 * more, and opening it again would then wait for ever.
 */
export function filterNativeStderr<T>(work: () => T): T {
  const buffer = redirect()
  try {
    return work()
  } finally {
    buffer?.restore()
  }
}

function redirect(): { restore(): void } | null {
  if (process.platform !== 'linux') return null
  const path = join(tmpdir(), `wgsam-stderr-${process.pid}`)
  let kept = -1
  try {
    // the lowest free descriptor must be the one that is closed here
    fstatSync(0)
    const out = fstatSync(1)
    const own = fstatSync(STDERR)
    const shared = own.dev === out.dev && own.ino === out.ino
    if (!own.isCharacterDevice() && (!own.isFile() || shared)) return null
    kept = openSync(`/proc/self/fd/${STDERR}`, 'a')
    const probe = openSync(path, 'wx')
    closeSync(probe)
  } catch {
    if (kept >= 0) closeSync(kept)
    return null
  }
  closeSync(STDERR)
  openSync(path, 'w')
  return {
    restore() {
      closeSync(STDERR)
      openSync(`/proc/self/fd/${kept}`, 'a')
      closeSync(kept)
      const lines = readFileSync(path, 'utf8').split('\n')
      unlinkSync(path)
      const left = lines.filter((line) => line && !UNIMPORTANT.test(line))
      if (left.length) writeSync(STDERR, `${left.join('\n')}\n`)
    },
  }
}
