/** @file Temporary paths, and an assertion that an action fails with a UserError. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { UserError } from '../../src/host/errors'

/** Returns a function from file names to paths in a new folder, which is removed when the process ends. */
export function scratch(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'wgsam-test-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return (name) => join(folder, name)
}

/** Asserts that an action fails with a UserError whose message matches every pattern. */
export async function refuses(
  what: Promise<unknown> | (() => unknown),
  ...patterns: (RegExp | string)[]
): Promise<void> {
  let error: unknown
  try {
    await (typeof what === 'function' ? what() : what)
  } catch (e) {
    error = e
  }
  if (!(error instanceof UserError)) throw new Error(`expected a UserError, got ${error ?? 'none'}`)
  for (const p of patterns)
    assert.ok(
      typeof p === 'string' ? error.message.includes(p) : p.test(error.message),
      `${p} is not in: ${error.message}`,
    )
}
