/** @file Prints the error that ends the program. */
import { inspect } from 'node:util'
import { NonFiniteError } from '../../engine/device/non-finite-error'
import { SettingError } from '../../engine/setting-error'
import { messageOf, systemProblem, UserError } from '../host/errors'

/**
 * Prints an error: only the message if the user can act on it. Returns the exit code.
 * @param who what the line begins with
 */
export function reportError(error: unknown, who = 'wgsam'): number {
  const debug = process.env.WGSAM_DEBUG === '1'
  const explained = [UserError, SettingError, NonFiniteError].some((kind) => error instanceof kind)
  const known = explained ? messageOf(error) : systemProblem(error)
  if (known !== null && !debug) console.error(`${who}: ${known}`)
  else if (debug) console.error(inspect(error))
  else {
    console.error(`${who}: ${messageOf(error)}`)
    console.error(
      'This is not an error wgsam expected. Please report it with the output of the same command under WGSAM_DEBUG=1.',
    )
  }
  return 1
}
