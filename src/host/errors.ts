/** @file Errors that the command line explains to the user, and the wording of the operating system's errors. */

/**
 * An error that the user can fix. The command line prints only its message, without a stack trace.
 * @example
 * try {
 *   await openWeights(url)
 * } catch (error) {
 *   if (!(error instanceof UserError)) throw error
 *   showNote(error.message)
 * }
 */
export class UserError extends Error {
  override name = 'UserError'
}

const reasons: Record<string, string> = {
  EACCES: 'permission is denied',
  EPERM: 'it is not permitted',
  EROFS: 'the disk is read-only',
  ENOSPC: 'no space is left on the disk: make room, then run it again; what is complete is kept',
  EDQUOT: 'the quota is used up',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'it exists already',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many files are open',
  EIO: 'the disk reports an error of reading or writing',
  ELOOP: 'it is a link that leads back to itself',
}

/**
 * The message of anything that was thrown; an error of the operating system in words.
 * @param named a path that the rest of the sentence names already, so that it is not repeated
 */
export function messageOf(error: unknown, named?: string): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof SyntaxError && /JSON/.test(error.message)) return jsonProblem(error.message)
  const { code = '', path } = error as NodeJS.ErrnoException
  return (path === undefined || path === named ? reasons[code] : systemProblem(error)) ?? error.message
}

/** What JSON.parse says, in plain words: where a text stops being JSON. */
function jsonProblem(message: string): string {
  const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? []
  const [, position] = /at position (\d+)/.exec(message) ?? []
  const [, near] = /^Unexpected token .*?, (?:\.\.\.)?"([^]{0,60})/.exec(message) ?? []
  const where = line
    ? ` (line ${line}, column ${column})`
    : position
      ? ` (character ${Number(position) + 1})`
      : near
        ? ` (near ${JSON.stringify(near.slice(0, 20))})`
        : ''
  return /Unexpected end|Unterminated/.test(message)
    ? 'it is not valid JSON: it ends too early, is it cut off?'
    : `it is not valid JSON${where}`
}

/**
 * Names the file in an error of the operating system that names none, as those of a file that is open already. Other errors stay
 * as they are.
 */
export function withPath<T>(error: T, path: string): T {
  const { code, path: known } = (error ?? {}) as NodeJS.ErrnoException
  if (typeof code === 'string' && error instanceof Error && known === undefined) Object.assign(error, { path })
  return error
}

/** An error of the operating system, or of a package that is not installed, in words; null for other errors. */
export function systemProblem(error: unknown): string | null {
  const { code = '', path, dest } = (error ?? {}) as NodeJS.ErrnoException & { dest?: string }
  // `npm install --omit=optional` leaves out what the engine alone does not need
  const missing =
    code === 'ERR_MODULE_NOT_FOUND' ? /^Cannot find package '([^']+)'/.exec(messageOf(error))?.[1] : undefined
  if (missing) return `the package ${missing} is not installed: \`npm install ${missing}\` installs it`
  const reason = reasons[code]
  const where = dest ?? path
  // files are written under a temporary name first: name the final one
  return reason && where ? `${where.replace(/\.\d+\.part$/, '')}: ${reason}` : null
}

/** "cannot write PATH: REASON" for anything that was thrown when the file was written. */
export function cannotWrite(path: string, error: unknown): string {
  const { code = '' } = (error ?? {}) as NodeJS.ErrnoException
  return `cannot write ${path}: ${reasons[code] ?? messageOf(error, path)}`
}
