/**
 * @file Loaded by `--import` into a program under test: one rank of it gets an error from the system for a file. FAIL_RANK is the rank, FAIL_PATH
 * a part of the file's path, FAIL_CODE the error, FAIL_AFTER how often the file is opened before that.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { FAIL_RANK, FAIL_PATH, FAIL_CODE, FAIL_AFTER = '0', OMPI_COMM_WORLD_RANK, PMI_RANK } = process.env
if (FAIL_RANK !== undefined && (OMPI_COMM_WORLD_RANK ?? PMI_RANK) === FAIL_RANK) {
  let left = Number(FAIL_AFTER)
  for (const name of ['open', 'readFile']) {
    const real = fs.promises[name]
    fs.promises[name] = async (path, ...rest) => {
      if (String(path).includes(FAIL_PATH) && left-- <= 0)
        throw Object.assign(new Error(`${FAIL_CODE}: as the test wants it, ${name} '${path}'`), {
          code: FAIL_CODE,
          path: String(path),
        })
      return real(path, ...rest)
    }
  }
  syncBuiltinESMExports()
}
